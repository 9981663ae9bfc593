//! The realms and roles of templates that a question is about, made as the node makes them when their first client comes.

use std::path::Path;

use crossweave_api::Config;
use crossweave_config::{Node, Problems, Realm, Role, RouterWorker, Template, Worker, part};

use super::{Question, entrances, listed};
use crate::router::template::instance;

/// The node with the realms and roles that a question names; if it names a realm, without the templates. `document` is what `node` was read from.
///
/// # Errors
/// The question names a template instead of a realm of it, or a realm or role of a template that cannot be started.
pub fn instances(
    node: &Node,
    document: &Config,
    cbdir: &Path,
    question: &Question<'_>,
) -> Result<Node, String> {
    let mut whole = node.clone();
    let roles = wanted_roles(node, question);
    for (index, worker) in whole.workers.iter_mut().enumerate() {
        let Worker::Router(worker) = worker else { continue };
        if worker.options.disabled.is_none() {
            let of = Of { document: &document["workers"][index], path: format!("$.workers[{index}]"), cbdir };
            of.start(worker, question.realm, &roles)?;
        }
    }
    match question.realm {
        Some(name) if !has_realm(&whole, name) => Err(no_realm(node, name)),
        _ => Ok(whole),
    }
}

/// The names that the session's role may have.
fn wanted_roles(node: &Node, question: &Question<'_>) -> Vec<String> {
    let who = question.who.split_once(':').filter(|(kind, _)| ["role", "authid"].contains(kind));
    let name = who.map_or(question.who, |(_, name)| name);
    let transports = entrances(node).flat_map(|(_, transports)| transports);
    let identities = transports.flat_map(|it| it.auths()).flat_map(|auth| auth.identities());
    let of_authid = identities.filter(|it| it.authid == name).map(|it| it.role.to_owned());
    of_authid.chain([name.to_owned()]).collect()
}

fn has_realm(node: &Node, name: &str) -> bool {
    node.routers().flat_map(|worker| &worker.realms).any(|realm| realm.name == name)
}

fn no_realm(node: &Node, name: &str) -> String {
    let realms = || node.routers().flat_map(|worker| &worker.realms);
    let templates = listed(realms().filter(|it| it.template.is_some()).map(|it| &*it.name));
    if realms().any(|it| it.template.is_some() && it.name == name) {
        return format!("{name:?} is a template, and no realm: name one that it matches");
    }
    let there = listed(realms().filter(|it| it.template.is_none()).map(|it| &*it.name));
    match (there.as_str(), templates.as_str()) {
        ("none", "none") => format!("there is no realm {name:?}, and no other"),
        ("none", _) => format!("there is no realm {name:?}: there are only the templates {templates}"),
        (_, "none") => format!("there is no realm {name:?}: there are {there}"),
        _ => format!("there is no realm {name:?}: there are {there}, and the templates {templates}"),
    }
}

/// Where a worker stands.
struct Of<'d> {
    document: &'d Config,
    path: String,
    cbdir: &'d Path,
}

impl Of<'_> {
    /// Starts the realm of this name, if it is one of a template, and the roles in all realms.
    fn start(&self, worker: &mut RouterWorker, name: Option<&str>, roles: &[String]) -> Result<(), String> {
        let is_fixed = |it: &Realm| it.template.is_none() && Some(&*it.name) == name;
        let is_there = worker.realms.iter().any(is_fixed);
        let mut running = Vec::new();
        for (index, realm) in worker.realms.drain(..).enumerate() {
            let written = &self.document["realms"][index];
            let path = format!("{}.realms[{index}]", self.path);
            let is_new = || !is_there && !running.iter().any(|it: &Realm| Some(&*it.name) == name);
            let (mut realm, written) = match (&realm.template, name) {
                (None, _) => (realm, written.clone()),
                (Some(template), Some(name)) if is_new() => {
                    let Some(started) = self.realm(template, written, name, &path)? else { continue };
                    started
                }
                (Some(_), None) => {
                    running.push(realm);
                    continue;
                }
                _ => continue,
            };
            self.start_roles(&mut realm, &written, roles, &path)?;
            running.push(realm);
        }
        worker.realms = running;
        Ok(())
    }

    /// The realm of this name, if the template is for it.
    fn realm(
        &self,
        template: &Template,
        written: &Config,
        name: &str,
        path: &str,
    ) -> Result<Option<(Realm, Config)>, String> {
        let Some(groups) = template.captures(name) else { return Ok(None) };
        let config = instance(written, name, &groups);
        let what = format!("realm {name:?}");
        let mut realm = part::realm(&config, &what, self.cbdir).map_err(|it| cannot(&what, &it))?.value;
        realm.roles.iter_mut().for_each(|role| move_to(role, path));
        Ok(Some((realm, config)))
    }

    /// Puts the roles of templates in, where there is no other role of the name.
    fn start_roles(
        &self,
        realm: &mut Realm,
        written: &Config,
        names: &[String],
        path: &str,
    ) -> Result<(), String> {
        let mut started = Vec::new();
        for name in names.iter().filter(|name| !realm.roles.iter().any(|it| it.name == **name)) {
            let matching = realm
                .roles
                .iter()
                .enumerate()
                .find_map(|(index, role)| Some((index, role.template.as_ref()?.captures(name)?)));
            let Some((index, groups)) = matching else { continue };
            let config = instance(&written["roles"][index], name, &groups);
            let what = format!("role {name:?}");
            let mut role = part::role(&config, &what, self.cbdir).map_err(|it| cannot(&what, &it))?.value;
            move_to(&mut role, &format!("{path}.roles[{index}]"));
            started.push(role);
        }
        realm.roles.retain(|role| role.template.is_none());
        realm.roles.extend(started);
        Ok(())
    }
}

/// What was read by itself stands there in the file.
fn move_to(role: &mut Role, path: &str) {
    let moved = |it: &str| format!("{path}{}", it.strip_prefix('$').unwrap_or(it));
    role.path = moved(&role.path);
    role.permissions.iter_mut().for_each(|permission| permission.path = moved(&permission.path));
}

fn cannot(what: &str, problems: &Problems) -> String {
    let why = problems.iter().next().map(|problem| problem.message.clone()).unwrap_or_default();
    format!("{what} matches a template, and cannot be started: {why}")
}
