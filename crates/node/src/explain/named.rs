//! Which realm a client finds that wants to join one of some name.

use std::path::Path;

use crossweave_api::Config;
use crossweave_config::{Node, RealmActivation, Worker, part};

use crate::router::template::instance;

/// A realm that a client finds.
#[derive(Debug)]
pub struct NamedRealm<'n> {
    /// The worker's id.
    pub worker: &'n str,
    /// How it comes to be there.
    pub kind: RealmKind<'n>,
    /// The realm, as an item of `realms`; of a template what it is for this name.
    pub config: Config,
}

/// How a realm comes to be there.
#[derive(Debug)]
pub enum RealmKind<'n> {
    /// It stands in the configuration.
    Static,
    /// It is started for its first client.
    Template {
        /// The template's id.
        id: &'n str,
        /// Its regular expression.
        pattern: &'n str,
        /// What its named groups have matched.
        groups: Vec<(String, String)>,
        /// Its bounds.
        activation: &'n RealmActivation,
        /// The workers that are started with it: their types and ids.
        workers: Vec<(&'static str, &'n str)>,
    },
    /// A template matches, and the node starts no realm of this name.
    Refused {
        /// The template's id.
        id: &'n str,
        /// Why.
        why: String,
    },
    /// A template matches, and another realm or template of the worker comes before it.
    Hidden {
        /// The template's id.
        id: &'n str,
    },
}

/// The realms of this name, worker by worker. `document` is what `node` was read from, in the node directory `cbdir`.
pub fn realms_named<'n>(node: &'n Node, document: &Config, cbdir: &Path, name: &str) -> Vec<NamedRealm<'n>> {
    let mut found = Vec::new();
    let written = document["workers"].as_array().into_iter().flatten();
    for (worker, written) in node.workers.iter().zip(written) {
        let Some(worker) = worker.as_router().filter(|it| it.options.disabled.is_none()) else { continue };
        let written: Vec<&Config> = written["realms"].as_array().into_iter().flatten().collect();
        let both = || worker.realms.iter().zip(&written);
        let mut has_one = false;
        let fixed = both().filter(|(realm, _)| realm.template.is_none() && realm.name == name);
        for (_, config) in fixed {
            has_one = true;
            let config = (*config).clone();
            found.push(NamedRealm { worker: &worker.id, kind: RealmKind::Static, config });
        }
        for (realm, config) in both() {
            let Some(template) = &realm.template else { continue };
            let Some(groups) = template.captures(name) else { continue };
            let config = instance(config, name, &groups);
            let (id, pattern) = (realm.id.as_str(), template.pattern.as_str());
            let refused = part::realm(&config, "the realm", cbdir).err();
            let kind = match refused {
                _ if has_one => RealmKind::Hidden { id },
                Some(problems) => {
                    let why = problems.iter().next().map(|it| it.message.clone()).unwrap_or_default();
                    RealmKind::Refused { id, why }
                }
                None => {
                    let (activation, workers) = (&realm.activation, workers_of(node, name));
                    RealmKind::Template { id, pattern, groups, activation, workers }
                }
            };
            has_one = true;
            found.push(NamedRealm { worker: &worker.id, kind, config });
        }
    }
    found
}

/// The workers that are started with a realm of this name.
fn workers_of<'n>(node: &'n Node, name: &str) -> Vec<(&'static str, &'n str)> {
    let is_its = |it: &&Worker| {
        it.disabled().is_none() && it.template().is_some_and(|template| template.realm.is_match(name))
    };
    node.workers.iter().filter(is_its).map(|it| (it.type_name(), it.id())).collect()
}

#[cfg(test)]
mod tests {
    use crossweave_config::{Environment, Format, parse};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_realm_comes_before_templates_and_templates_in_their_order() {
        let role = json!([{"name": "anonymous", "permissions": [{"uri": "com.{user}.*"}]}]);
        let realms = json!([
            {"name": "realm-(?P<user>[a-z]+)", "template": true, "roles": role},
            {"id": "second", "name": "realm-(?P<user>a.*)", "template": true, "roles": role},
            {"name": "realm-joe", "roles": [{"name": "anonymous", "permissions": [{"uri": "*"}]}]},
        ]);
        let guest = json!({"type": "guest", "id": "tool", "executable": "tool", "template": "realm", "realm": "realm-a.*"});
        let document = json!({"version": 2, "workers": [{"type": "router", "realms": realms}, guest]});
        let checked = parse(&document.to_string(), Format::Json, "config.json", Environment::empty());
        let checked = checked.unwrap_or_else(|problems| panic!("{problems}"));
        let named = |name: &str| realms_named(&checked.node, &checked.document, Path::new("/srv"), name);
        assert!(named("public").is_empty());
        let joe = named("realm-joe");
        assert!(matches!(joe[0].kind, RealmKind::Static) && matches!(joe[1].kind, RealmKind::Hidden { .. }));
        let ann = named("realm-ann");
        let RealmKind::Template { groups, workers, .. } = &ann[0].kind else { panic!("{ann:?}") };
        assert_eq!(workers, &[("guest", "tool")]);
        assert_eq!(groups, &[("user".to_owned(), "ann".to_owned())]);
        assert_eq!(ann[0].config["roles"][0]["permissions"][0]["uri"], "com.ann.*");
        assert!(matches!(ann[1].kind, RealmKind::Hidden { id: "second" }));
    }
}
