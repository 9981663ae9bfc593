//! Templates of realms and roles: what a name makes of one, and its bounds. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossweave_api::Config;
use crossweave_api::router::RouterRealm;
use crossweave_config as config;
use serde_json::Value as Json;

use crate::clock::utcnow;

/// A template by which realms are started.
pub(super) struct RealmTemplate {
    pub(super) id: String,
    /// Which of those that have had the id it is, in the worker.
    pub(super) number: u64,
    pub(super) realm: config::Realm,
    config: Config,
    created: String,
    /// Who has started the realms that run, by their names.
    started_by: HashMap<String, String>,
    rate: Rate,
}

/// Why no realm is started by a template. The text is for the client and the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OverBudget {
    #[error("sessions of role {0:?} may not start this realm")]
    Role(String),
    #[error("sessions of role {0:?} serve this realm, and do not start it")]
    Background(String),
    #[error("{0} realms of this kind run, and there may be no more")]
    Realms(u32),
    #[error("you have started {0} realms of this kind, and may not start more")]
    OfPrincipal(u32),
    #[error("too many realms are started at the moment: try again in a second")]
    Rate,
}

impl RealmTemplate {
    pub(super) fn new(id: String, realm: config::Realm, config: Config) -> RealmTemplate {
        let (number, rate) = (0, Rate::new(realm.activation.max_rate));
        RealmTemplate { id, number, realm, config, created: utcnow(), started_by: HashMap::new(), rate }
    }

    pub(super) fn marshal(&self) -> RouterRealm {
        RouterRealm {
            id: self.id.clone(),
            config: self.config.clone(),
            category: config::category_of_realm(self.pattern()).to_owned(),
            kind: "template".to_owned(),
            created: self.created.clone(),
            roles: Vec::new(),
            has_router: false,
            has_service_session: false,
            rlinks: Vec::new(),
        }
    }

    /// The regular expression, as it is written.
    pub(super) fn pattern(&self) -> &str {
        self.realm.template.as_ref().map_or("", |template| &template.pattern)
    }

    /// The realm of this name, as an item of `realms`; none if the template is not for it.
    pub(crate) fn instance(&self, name: &str) -> Option<Config> {
        let groups = self.realm.template.as_ref()?.captures(name)?;
        Some(instance(&self.config, name, &groups))
    }

    /// The role that sessions of this name have on its realms: one that is called so, or else the first template that matches.
    pub(super) fn role(&self, authrole: &str) -> Option<&config::Role> {
        let is_fixed = |role: &&config::Role| role.template.is_none() && role.name == authrole;
        let roles = &self.realm.roles;
        roles.iter().find(is_fixed).or_else(|| roles.iter().find(|role| role.is_called(authrole)))
    }

    /// Lets a client start a realm, if the bounds allow it.
    ///
    /// # Errors
    /// They do not.
    pub(super) fn admit(
        &mut self,
        name: &str,
        authrole: &str,
        principal: &str,
        now: Instant,
    ) -> Result<(), OverBudget> {
        let bounds = &self.realm.activation;
        if bounds.authroles.as_ref().is_some_and(|roles| !roles.iter().any(|role| role == authrole)) {
            return Err(OverBudget::Role(authrole.to_owned()));
        }
        // Such as what a worker does whose realm has just ended.
        if bounds.background_authroles.iter().any(|role| role == authrole) {
            return Err(OverBudget::Background(authrole.to_owned()));
        }
        if self.started_by.len() >= bounds.max_realms as usize {
            return Err(OverBudget::Realms(bounds.max_realms));
        }
        let of_principal = self.started_by.values().filter(|it| *it == principal).count();
        if of_principal >= bounds.max_realms_per_principal as usize {
            return Err(OverBudget::OfPrincipal(bounds.max_realms_per_principal));
        }
        if !self.rate.take(now) {
            return Err(OverBudget::Rate);
        }
        self.started_by.insert(name.to_owned(), principal.to_owned());
        Ok(())
    }

    /// This realm of it runs, whether it is known who has started it or not.
    pub(super) fn adopt(&mut self, name: &str) {
        self.started_by.entry(name.to_owned()).or_default();
    }

    /// A realm of it runs no more.
    pub(super) fn forget(&mut self, name: &str) {
        self.started_by.remove(name);
    }

    /// Realms of it that count.
    #[cfg(test)]
    pub(super) fn running(&self) -> usize {
        self.started_by.len()
    }

    /// The roles of sessions that serve its realms.
    pub(super) fn background_roles(&self) -> Vec<Arc<str>> {
        self.realm.activation.background_authroles.iter().map(|role| role.as_str().into()).collect()
    }

    /// After how long a realm is stopped that nobody is on.
    pub(super) fn idle_timeout(&self) -> Option<Duration> {
        self.realm.activation.idle_timeout.map(|seconds| Duration::from_secs(seconds.into()))
    }
}

/// So many a second, and as many at once.
struct Rate {
    per_second: f64,
    tokens: f64,
    at: Option<Instant>,
}

impl Rate {
    fn new(per_second: u32) -> Rate {
        Rate { per_second: per_second.into(), tokens: per_second.into(), at: None }
    }

    fn take(&mut self, now: Instant) -> bool {
        let since = self.at.replace(now).map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.tokens = (self.tokens + since * self.per_second).min(self.per_second);
        let is_there = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(is_there));
        is_there
    }
}

/// What a template is for this name: `{group}` in its texts is what the group has matched, `name` is the name, and it is no
/// template.
pub(crate) fn instance(template: &Config, name: &str, groups: &[(String, String)]) -> Config {
    let mut instance = filled(template, groups);
    if let Json::Object(object) = &mut instance {
        object.insert("name".to_owned(), name.into());
        for key in ["template", "activation", "id"] {
            object.remove(key);
        }
    }
    instance
}

/// The value with all `{group}`s of its texts filled in. Other braces stay.
pub(crate) fn filled(value: &Json, groups: &[(String, String)]) -> Json {
    match value {
        Json::String(text) => Json::String(fill(text, groups)),
        Json::Array(items) => items.iter().map(|item| filled(item, groups)).collect(),
        Json::Object(object) => {
            object.iter().map(|(key, value)| (key.clone(), filled(value, groups))).collect()
        }
        other => other.clone(),
    }
}

/// In one pass: what a group has matched is not looked at again.
fn fill(text: &str, groups: &[(String, String)]) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(open) = rest.find('{') {
        let (before, at_brace) = rest.split_at(open);
        filled.push_str(before);
        let found = at_brace.find('}').and_then(|close| {
            let value = groups.iter().find(|(group, _)| *group == at_brace[1..close])?;
            Some((&value.1, close))
        });
        match found {
            Some((value, close)) => {
                filled.push_str(value);
                rest = &at_brace[close + 1..];
            }
            None => {
                filled.push('{');
                rest = &at_brace[1..];
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn template(activation: Json) -> RealmTemplate {
        let permissions = json!([{"uri": "com.{user}.", "match": "prefix", "allow": {"call": true}}]);
        let config = json!({"id": "users", "name": "^realm-(?P<user>[a-z]{3,8})$", "template": true,
            "activation": activation,
            "roles": [{"name": "anonymous", "permissions": permissions}, {"name": "owner", "authorizer": "com.{user}.may"}]});
        let realm =
            config::part::realm(&config, "template", Path::new("/")).unwrap_or_else(|it| panic!("{it}"));
        RealmTemplate::new("users".to_owned(), realm.value, config)
    }

    #[test]
    fn a_name_makes_a_realm_of_a_template() {
        let template = template(json!({"max_realms": 5}));
        let instance = template.instance("realm-joe").expect("it matches");
        let permissions = json!([{"uri": "com.joe.", "match": "prefix", "allow": {"call": true}}]);
        let roles = json!([{"name": "anonymous", "permissions": permissions}, {"name": "owner", "authorizer": "com.joe.may"}]);
        assert_eq!(instance, json!({"name": "realm-joe", "roles": roles}));
        assert_eq!(template.instance("realm-"), None);
        assert!(template.role("owner").is_some() && template.role("admin").is_none());
        assert_eq!(template.pattern(), "^realm-(?P<user>[a-z]{3,8})$");
    }

    #[test]
    fn what_a_group_has_matched_is_only_text() {
        let groups = [("a".to_owned(), "{b}".to_owned()), ("b".to_owned(), "x".to_owned())];
        assert_eq!(fill("{a}.{b}.{c}.{", &groups), "{b}.x.{c}.{");
        assert_eq!(fill("{{b}}", &groups), "{x}");
        assert_eq!(fill("no braces", &groups), "no braces");
    }

    #[test]
    fn bounds_hold_for_the_template_and_for_each_principal() {
        let mut template =
            template(json!({"max_realms": 3, "max_realms_per_principal": 2, "authroles": ["anonymous"]}));
        let now = Instant::now();
        assert_eq!(template.admit("realm-a", "owner", "joe", now), Err(OverBudget::Role("owner".to_owned())));
        for name in ["realm-aaa", "realm-bbb"] {
            assert_eq!(template.admit(name, "anonymous", "joe", now), Ok(()));
        }
        assert_eq!(template.admit("realm-ccc", "anonymous", "joe", now), Err(OverBudget::OfPrincipal(2)));
        assert_eq!(template.admit("realm-ccc", "anonymous", "ann", now), Ok(()));
        assert_eq!(template.admit("realm-ddd", "anonymous", "ann", now), Err(OverBudget::Realms(3)));
        template.forget("realm-aaa");
        assert_eq!(template.admit("realm-ddd", "anonymous", "joe", now), Ok(()));
    }

    #[test]
    fn who_serves_a_realm_does_not_start_it() {
        let mut template = template(json!({"background_authroles": ["owner"]}));
        let background = Err(OverBudget::Background("owner".to_owned()));
        assert_eq!(template.admit("realm-a", "owner", "joe", Instant::now()), background);
        assert_eq!(template.admit("realm-a", "anonymous", "joe", Instant::now()), Ok(()));
        assert_eq!(template.background_roles(), ["owner".into()]);
    }

    #[test]
    fn realms_are_started_at_a_bounded_rate() {
        let mut template = template(json!({"max_rate": 2}));
        let now = Instant::now();
        let mut admit = |name: &str, at| template.admit(name, "anonymous", "joe", at);
        assert_eq!((admit("a", now), admit("b", now)), (Ok(()), Ok(())));
        assert_eq!(admit("c", now), Err(OverBudget::Rate));
        assert_eq!(admit("c", now + Duration::from_millis(600)), Ok(()));
        assert_eq!(admit("d", now + Duration::from_millis(600)), Err(OverBudget::Rate));
    }
}
