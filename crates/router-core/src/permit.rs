//! Before a message is carried out: is its URI valid, and may its session use it so?

use std::sync::Arc;
use std::time::Instant;

use crossweave_wamp::{MatchPolicy, Message, uri, uris};

use crate::authorization::{Authorization, Disclose, Permissions, Roles};
use crate::boundary::{Action, AuthorizeRequest, Decision};
use crate::broker::Broker;
use crate::dealer::Dealer;
use crate::decisions::Decisions;
use crate::denial::{Cause, Denied};
use crate::limits::RealmOptions;
use crate::meta;
use crate::question::Deed;
use crate::refused::Refused;
use crate::session::Peer;
use crate::slab::Key;
use crate::trust::Attribution;

/// Whether a message may be carried out.
#[derive(Debug)]
pub(crate) enum Permit {
    /// It may.
    Granted(Route),
    /// The role's authorizer is to say.
    Ask(Box<AuthorizeRequest>),
}

/// What was learnt on the way that carrying it out needs too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// The subscription or registration of exactly this URI, if there is one.
    pub(crate) exact: Option<Key>,
    /// What receivers are told of the publisher or caller.
    pub(crate) attribution: Attribution,
}

impl Route {
    #[inline]
    pub(crate) fn new(exact: Option<Key>, disclose: Disclose) -> Self {
        Route { exact, attribution: Attribution::new(disclose) }
    }
}

impl Permit {
    /// For what needs no permission.
    const FREE: Permit = Permit::Granted(Route {
        exact: None,
        attribution: Attribution { disclose: Disclose::AsAsked, trustlevel: None },
    });
}

/// The parts of a realm that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desk<'r> {
    pub(crate) options: &'r RealmOptions,
    pub(crate) roles: &'r Roles,
    pub(crate) broker: &'r Broker,
    pub(crate) dealer: &'r Dealer,
    pub(crate) decisions: &'r Decisions,
    pub(crate) now: Instant,
}

impl Desk<'_> {
    /// Whether the URI of a message is valid and its session may use it. Messages without a URI need no permission.
    #[inline]
    pub(crate) fn permit(
        &self,
        peer: &Peer,
        message: &Message<'_>,
        decision: Option<&Decision>,
    ) -> Result<Permit, Refused> {
        let exact = MatchPolicy::Exact;
        let deed = |action, uri, match_policy| Deed { action, uri, match_policy, message };
        match message {
            Message::Publish(it) => {
                // What somebody subscribed to was checked then.
                let found = self.broker.exact(&it.topic);
                self.check(found, &it.topic, exact)?;
                forbid_reserved(&it.topic)?;
                self.authorize(peer, deed(Action::Publish, &it.topic, exact), found, decision)
            }
            Message::Call(it) => {
                // It goes where the call went, whatever its procedure says.
                if peer.continues(it.request) {
                    return Ok(Permit::FREE);
                }
                let found = self.dealer.exact(&it.procedure);
                self.check(found, &it.procedure, exact)?;
                if found.is_none() && meta::gives_power(&it.procedure) {
                    return self.authorize_power(peer, &deed(Action::Call, &it.procedure, exact), decision);
                }
                self.authorize(peer, deed(Action::Call, &it.procedure, exact), found, decision)
            }
            Message::Subscribe(it) => {
                let policy = it.options.match_policy;
                self.check(None, &it.topic, policy)?;
                self.authorize(peer, deed(Action::Subscribe, &it.topic, policy), None, decision)
            }
            Message::Register(it) => {
                let policy = it.options.match_policy;
                self.check(None, &it.procedure, policy)?;
                forbid_reserved(&it.procedure)?;
                self.authorize(peer, deed(Action::Register, &it.procedure, policy), None, decision)
            }
            _ => Ok(Permit::FREE),
        }
    }

    #[inline]
    fn check(&self, found: Option<Key>, uri: &str, policy: MatchPolicy) -> Result<(), Refused> {
        if found.is_some() {
            return Ok(());
        }
        let max = self.options.limits.uri_len_max;
        if uri.len() > max {
            return Err(uri::BadUri::TooLong { len: uri.len(), max }.into());
        }
        uri::check(uri, policy, self.options.strictness)?;
        if policy == MatchPolicy::Wildcard { self.check_wildcards(uri) } else { Ok(()) }
    }

    /// What is empty beyond the bound would double the ways through the table of patterns, for every URI looked up in it.
    fn check_wildcards(&self, pattern: &str) -> Result<(), Refused> {
        let max = self.options.limits.wildcard_positions_max;
        match pattern.split('.').skip(max).position(str::is_empty) {
            None => Ok(()),
            Some(at) => {
                let at = max + at + 1;
                let why = format!(
                    "component {at} of wildcard pattern {pattern:?} is empty: only the first {max} may be"
                );
                Err(Refused::new(uris::INVALID_URI, why))
            }
        }
    }

    /// Who may not call what gives power over others is told nothing of it.
    #[cold]
    fn authorize_power(
        &self,
        peer: &Peer,
        deed: &Deed<'_>,
        decision: Option<&Decision>,
    ) -> Result<Permit, Refused> {
        let permit = match (decision, self.roles.get(peer.role)) {
            (None, Some(Authorization::Static(permissions))) => {
                match permissions.judge(deed.action, deed.uri, deed.match_policy).allowed {
                    Some(_) => Ok(Permit::FREE),
                    None => Err(denied_by_rules(peer, deed, permissions)),
                }
            }
            _ => self.decide(peer, deed, None, decision),
        };
        permit.map_err(|mut refused| {
            let mut unknown = Refused::no_such_procedure(deed.uri);
            unknown.denied = refused.denied.take();
            unknown
        })
    }

    #[inline]
    fn authorize(
        &self,
        peer: &Peer,
        deed: Deed<'_>,
        exact: Option<Key>,
        decision: Option<&Decision>,
    ) -> Result<Permit, Refused> {
        if let (None, Some(Authorization::Static(permissions))) = (decision, self.roles.get(peer.role)) {
            return match permissions.decide(deed.action, deed.uri, deed.match_policy) {
                Some(disclose) => Ok(Permit::Granted(Route::new(exact, disclose))),
                None => Err(denied_by_rules(peer, &deed, permissions)),
            };
        }
        self.decide(peer, &deed, exact, decision)
    }

    /// What does not only depend on rules.
    #[cold]
    fn decide(
        &self,
        peer: &Peer,
        deed: &Deed<'_>,
        exact: Option<Key>,
        decision: Option<&Decision>,
    ) -> Result<Permit, Refused> {
        let procedure = match self.roles.get(peer.role) {
            None => return Err(denied(peer, deed, Cause::RoleIsGone)),
            Some(Authorization::Procedure(procedure)) => Some(procedure),
            Some(Authorization::Static(_) | Authorization::Dynamic) => None,
        };
        match decision.cloned().or_else(|| self.remembered(peer, deed)) {
            Some(Decision::Allow { disclose, .. }) => Ok(Permit::Granted(Route::new(exact, disclose))),
            Some(Decision::Deny { .. }) => Err(denied(peer, deed, Cause::Authorizer)),
            Some(Decision::Failed(why)) => Err(authorizer_failed(deed, why)),
            None => Ok(Permit::Ask(Box::new(deed.ask(peer, procedure.cloned())))),
        }
    }

    fn remembered(&self, peer: &Peer, deed: &Deed<'_>) -> Option<Decision> {
        self.decisions.find(self.now, peer, self.roles.version(peer.role), deed)
    }
}

/// Whether a testament may still be published; if so, what is said of its publisher. An authorizer has said so when it was
/// added.
pub(crate) fn permits_testament(
    roles: &Roles,
    role: Key,
    topic: &str,
    disclose: Disclose,
) -> Option<Disclose> {
    match roles.get(role)? {
        Authorization::Static(rules) => rules.decide(Action::Publish, topic, MatchPolicy::Exact),
        Authorization::Dynamic | Authorization::Procedure(_) => Some(disclose),
    }
}

#[inline]
fn forbid_reserved(uri: &str) -> Result<(), Refused> {
    if meta::is_reserved(uri) {
        return Err(Refused::new(uris::INVALID_URI, format!("uri {uri:?} is reserved for the router")));
    }
    Ok(())
}

#[cold]
fn authorizer_failed(deed: &Deed<'_>, why: Arc<str>) -> Refused {
    let message =
        format!("could not find out whether the session may {} {:?}", deed.action.as_str(), deed.uri);
    Refused::denied(uris::AUTHORIZATION_FAILED, message, told(deed, Cause::Failed(why)))
}

#[cold]
fn denied_by_rules(peer: &Peer, deed: &Deed<'_>, permissions: &Permissions) -> Refused {
    let judgement = permissions.judge(deed.action, deed.uri, deed.match_policy);
    denied(peer, deed, Cause::Rules(judgement.reason))
}

#[cold]
fn denied(peer: &Peer, deed: &Deed<'_>, cause: Cause) -> Refused {
    let (authid, authrole, action) = (&peer.session.authid, &peer.session.authrole, deed.action.as_str());
    let uri = deed.uri;
    let why =
        format!("session of authid {authid:?} with role {authrole:?} is not authorized to {action} {uri:?}");
    Refused::denied(uris::NOT_AUTHORIZED, why, told(deed, cause))
}

fn told(deed: &Deed<'_>, cause: Cause) -> Denied {
    Denied { action: deed.action, uri: deed.uri.into(), match_policy: deed.match_policy, cause }
}
