//! What the configuration says about one action of one session, and why. The decision is the router's own: nothing of its
//! rules is written down here a second time.

mod instances;
mod named;

pub use instances::instances;
pub use named::{NamedRealm, RealmKind, realms_named};

use crossweave_config::{
    AuthMethod, Disclose, Node, Permission, ProxyWorker, Realm, Role, Transport, UriCheck, Worker,
};
use crossweave_router::Action;
use crossweave_router_core::Reason;
use crossweave_router_core::authorization::is_reserved;
use crossweave_wamp::{MatchPolicy, Strictness, uri};

use crate::router::realm::permissions;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    /// What the session does.
    pub action: Action,
    /// With which URI or pattern.
    pub uri: &'q str,
    /// How that is matched.
    pub policy: MatchPolicy,
    /// An authid or a role; `authid:` and `role:` before it say which.
    pub who: &'q str,
    /// The realm; none if there is only one that it can be.
    pub realm: Option<&'q str>,
    /// The id of the router worker; none if there is only one that it can be.
    pub worker: Option<&'q str>,
}

/// The answer.
#[derive(Debug)]
pub struct Judged<'n> {
    /// The worker's id.
    pub worker: &'n str,
    /// The realm.
    pub realm: &'n Realm,
    /// The role of the session.
    pub role: &'n Role,
    /// The authid that was asked for, if it was not the role.
    pub authid: Option<&'n str>,
    /// What becomes of it.
    pub verdict: Verdict<'n>,
}

/// What becomes of an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict<'n> {
    /// This permission is the most specific one.
    Permission(&'n Permission, bool),
    /// No permission matches: the role's default.
    Default(bool),
    /// A permission denies a part of the pattern.
    PartDenied(&'n Permission),
    /// The procedure gives power over other sessions, and no permission that begins with `wamp.` allows it.
    Unnamed,
    /// The URI is the router's own.
    Reserved,
    /// This procedure is asked.
    Authorizer(&'n str),
}

impl Verdict<'_> {
    /// Whether it is allowed; none if that is decided later.
    pub fn is_allowed(&self) -> Option<bool> {
        match self {
            Verdict::Permission(_, allowed) | Verdict::Default(allowed) => Some(*allowed),
            Verdict::PartDenied(_) | Verdict::Reserved | Verdict::Unnamed => Some(false),
            Verdict::Authorizer(_) => None,
        }
    }

    /// The permission that decided.
    pub fn permission(&self) -> Option<&Permission> {
        match self {
            Verdict::Permission(it, _) | Verdict::PartDenied(it) => Some(it),
            _ => None,
        }
    }

    /// Whether receivers learn who acts: always, never, or none if the session says so.
    pub fn disclose(&self, action: Action) -> Option<bool> {
        let Disclose { caller, publisher } = self.permission()?.disclose;
        match action {
            Action::Call => caller,
            Action::Publish => publisher,
            Action::Register | Action::Subscribe => None,
        }
    }
}

/// Answers a question about a node that can be started, with the [`instances()`] of its templates.
///
/// # Errors
/// The question is about nobody, about several, or about what is no URI. The text is for the one who asks.
pub fn judge<'n>(node: &'n Node, question: &Question<'_>) -> Result<Judged<'n>, String> {
    let found = candidates(node, question)?;
    let [(worker, realm, role, authid)] = found[..] else { return Err(ambiguous(question, &found)) };
    let Question { action, uri, policy, .. } = *question;
    let strictness = match realm.options.uri_check {
        UriCheck::Loose => Strictness::Loose,
        UriCheck::Strict => Strictness::Strict,
    };
    uri::check(uri, policy, strictness).map_err(|bad| bad.to_string())?;
    let verdict = match &role.authorizer {
        _ if matches!(action, Action::Publish | Action::Register) && is_reserved(uri) => Verdict::Reserved,
        Some(authorizer) => Verdict::Authorizer(authorizer),
        None => {
            let permissions = permissions(role).map_err(|bad| bad.to_string())?;
            let judgement = permissions.judge(action, uri, policy);
            let allowed = judgement.allowed.is_some();
            match judgement.reason {
                Reason::Rule(index) => Verdict::Permission(&role.permissions[index], allowed),
                Reason::NoRule => Verdict::Default(allowed),
                Reason::Unnamed => Verdict::Unnamed,
                Reason::PartDenied { by, .. } => Verdict::PartDenied(&role.permissions[by]),
            }
        }
    };
    Ok(Judged { worker, realm, role, authid, verdict })
}

type Candidate<'n> = (&'n str, &'n Realm, &'n Role, Option<&'n str>);

/// The roles on realms that the question can be about. What is the name of a role is one, even if it is an authid too.
fn candidates<'n>(node: &'n Node, question: &Question<'_>) -> Result<Vec<Candidate<'n>>, String> {
    let (as_role, as_authid) = match question.who.split_once(':') {
        Some(("role", name)) => (Some(name), None),
        Some(("authid", name)) => (None, Some(name)),
        _ => (Some(question.who), Some(question.who)),
    };
    known_worker(node, question)?;
    let all = roles(node, question);
    let mut found: Vec<Candidate<'n>> =
        all.iter().filter(|(.., role, _)| as_role == Some(&*role.name)).copied().collect();
    if found.is_empty() {
        found = identities(node, as_authid, &all)?;
    }
    if found.is_empty() { Err(unknown(node, question, &all)) } else { Ok(found) }
}

fn known_worker(node: &Node, question: &Question<'_>) -> Result<(), String> {
    match question.worker {
        Some(id) if node.routers().all(|worker| worker.id != id) => {
            let ids = listed(node.routers().map(|worker| &*worker.id));
            Err(format!("there is no router worker {id:?}: there are {ids}"))
        }
        _ => Ok(()),
    }
}

/// Every role of every realm that runs.
fn roles<'n>(node: &'n Node, question: &Question<'_>) -> Vec<Candidate<'n>> {
    let mut roles = Vec::new();
    for worker in node.routers().filter(|it| question.worker.is_none_or(|id| id == it.id)) {
        let running = worker.realms.iter().filter(|it| it.template.is_none());
        for it in running.filter(|it| question.realm.is_none_or(|name| name == it.name)) {
            roles.extend(it.roles.iter().map(|role| (&*worker.id, it, role, None)));
        }
    }
    roles
}

/// The worker at which clients log in.
#[derive(Clone, Copy)]
enum Entrance<'n> {
    Router(&'n str),
    Proxy(&'n ProxyWorker),
}

impl Entrance<'_> {
    /// Whether clients that get the role here have it on that realm of that worker.
    fn leads_to(self, (id, realm, role, _): &Candidate<'_>) -> bool {
        let proxy = match self {
            Entrance::Router(own) => return own == *id,
            Entrance::Proxy(proxy) => proxy,
        };
        let routes = proxy.routes.iter().filter(|route| route.role == role.name);
        routes.into_iter().any(|route| {
            let there = proxy.connections.iter().filter(|it| route.connections.contains(&it.name));
            there.into_iter().any(|it| it.realm.as_ref().unwrap_or(&route.realm) == &realm.name)
        })
    }
}

/// Where clients log in.
fn entrances(node: &Node) -> impl Iterator<Item = (Entrance<'_>, &[Transport])> {
    let workers = node.workers.iter().filter(|worker| worker.disabled().is_none());
    workers.filter_map(|worker| match worker {
        Worker::Router(it) => Some((Entrance::Router(&it.id), &*it.transports)),
        Worker::Proxy(it) => Some((Entrance::Proxy(it), &*it.transports)),
        _ => None,
    })
}

/// The roles that an authid gets. It does not get one that is not given by its method.
fn identities<'n>(
    node: &'n Node,
    authid: Option<&str>,
    roles: &[Candidate<'n>],
) -> Result<Vec<Candidate<'n>>, String> {
    let mut found: Vec<Candidate<'n>> = Vec::new();
    let mut refused: Option<(&Role, AuthMethod)> = None;
    for (entrance, transports) in entrances(node) {
        let auths = transports.iter().flat_map(Transport::auths);
        for identity in auths.flat_map(crossweave_config::Auth::identities) {
            if Some(identity.authid) != authid {
                continue;
            }
            let is_its = |candidate: &&Candidate<'n>| {
                let (_, realm, role, _) = candidate;
                role.name == identity.role
                    && identity.realm.is_none_or(|name| name == realm.name)
                    && entrance.leads_to(candidate)
            };
            for (id, realm, role, _) in roles.iter().filter(is_its) {
                if !role.is_given_by(&identity.method) {
                    refused = Some((role, identity.method.clone()));
                    continue;
                }
                let is_new = !found.iter().any(|(.., it, _)| std::ptr::eq(*it, *role));
                if is_new {
                    found.push((id, realm, role, Some(identity.authid)));
                }
            }
        }
    }
    match (refused, authid) {
        (Some((role, method)), Some(authid)) if found.is_empty() => Err(format!(
            "authid {authid:?} cannot join: it logs in by `{}`, and role {:?} is given by other `authmethods`",
            method.name(),
            role.name
        )),
        _ => Ok(found),
    }
}

fn unknown(node: &Node, question: &Question<'_>, roles: &[Candidate<'_>]) -> String {
    let names = listed(roles.iter().map(|(.., role, _)| &*role.name));
    let who = question.who;
    let has_templates = node.routers().flat_map(|worker| &worker.realms).any(|it| it.template.is_some());
    let there = match (roles.is_empty(), question.realm) {
        (false, _) => format!("there are the roles {names}"),
        (true, Some(realm)) => format!("realm {realm:?} has no roles"),
        (true, None) if has_templates => "there are no roles outside of templates".to_owned(),
        (true, None) => "its realms have no roles".to_owned(),
    };
    let message = format!("the configuration knows no role and no authid {who:?}: {there}");
    match has_templates {
        false => message,
        true => format!("{message}; `--realm NAME` asks about a realm that a template starts"),
    }
}

fn ambiguous(question: &Question<'_>, found: &[Candidate<'_>]) -> String {
    let describe =
        |(worker, realm, role, _): &Candidate<'_>| format!("{} on {} of {worker}", role.name, realm.name);
    let told: Vec<String> = found.iter().map(describe).collect();
    let differ = |name: fn(&Candidate<'_>) -> String| {
        found.iter().skip(1).any(|candidate| name(candidate) != name(&found[0]))
    };
    let options = [
        ("`--worker`", differ(|(worker, ..)| (*worker).to_owned())),
        ("`--realm`", differ(|(_, realm, ..)| realm.name.clone())),
        ("`--as role:ROLE`", differ(|(.., role, _)| role.name.clone())),
    ];
    let options: Vec<&str> = options.iter().filter(|(_, helps)| *helps).map(|(option, _)| *option).collect();
    let say = if options.len() == 1 { "says" } else { "say" };
    format!("{:?} can be several: {}; {} {say} which", question.who, told.join(", "), options.join(" and "))
}

/// The words, each once.
fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
