//! Roles: who may call, register, publish and subscribe what.
//!
//! A role either has rules ([`Permissions`]) or asks an authorizer for every action ([`Authorization::Dynamic`]). The rules
//! are those of Crossbar.io: URI or pattern, actions it allows, what it discloses. Of the rules that apply to a URI only the
//! most specific one counts, whatever it says:
//!
//! 1. the rule for exactly this URI;
//! 2. of the longest prefix rule and the most specific wildcard rule, the one with more text before its pattern opens up
//!    (`com.app.` before `com..create`, and `com..create` before `com.`);
//! 3. without any rule, [`Permissions::allow_by_default`].
//!
//! A rule speaks for all four actions: what it does not allow it denies, whatever a less specific rule says.
//!
//! A pattern (SUBSCRIBE, REGISTER) is allowed if every URI that it matches is: a rule that contains the whole pattern allows
//! it, and no rule that decides for some of its URIs denies it. See `containment`.

mod containment;

use std::sync::Arc;

use containment::Denials;
use crossweave_wamp::uri::{self, BadUri};
use crossweave_wamp::{AuthMethod, Delivery, MatchPolicy, Strictness};
use hashbrown::HashMap;

use crate::boundary::{Action, Contract};
use crate::meta;
use crate::slab::{Key, Slab};
use crate::uri_map::UriMap;

/// A role of a realm.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name: the authrole of its sessions.
    pub name: Arc<str>,
    /// What its sessions may do.
    pub permissions: Authorization,
    /// What becomes of events that its sessions read too slowly, for subscriptions that do not say so themselves. Nothing of it
    /// is shown to them. Default: what the transport says. It holds for subscriptions made from now on.
    pub delivery: Option<Delivery>,
    /// By which methods clients come to it; whoever has proven itself by another one does not get it, see
    /// [`Realm::admits`](crate::Realm::admits). Default: any.
    pub authmethods: Option<Arc<[AuthMethod]>>,
}

impl Role {
    /// A role with fixed rules.
    pub fn fixed(name: impl Into<Arc<str>>, permissions: Permissions) -> Self {
        Role::new(name, Authorization::Static(Arc::new(permissions)))
    }

    /// A role with permissions from anywhere.
    pub fn new(name: impl Into<Arc<str>>, permissions: Authorization) -> Self {
        Role { name: name.into(), permissions, delivery: None, authmethods: None }
    }

    /// The same with a delivery contract for its subscriptions.
    #[must_use]
    pub fn with_delivery(self, delivery: Option<Delivery>) -> Self {
        Role { delivery, ..self }
    }

    /// The same for clients that have proven themselves by one of these methods.
    #[must_use]
    pub fn with_authmethods(self, authmethods: Option<&[AuthMethod]>) -> Self {
        Role { authmethods: authmethods.map(Into::into), ..self }
    }

    /// A role that may do everything.
    pub fn allow_all(name: impl Into<Arc<str>>) -> Self {
        Role::fixed(name, Permissions::allow_all())
    }
}

/// Where a role's permissions come from.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// Rules, known here.
    Static(Arc<Permissions>),
    /// An authorizer of the embedding program, asked through [`Outbox::ask`](crate::Outbox::ask) before every action.
    Dynamic,
    /// A procedure of the realm, asked in the same way.
    Procedure(Arc<str>),
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// A URI or pattern.
    pub uri: String,
    /// How `uri` is compared.
    pub match_policy: MatchPolicy,
    /// What may be done with URIs it applies to.
    pub allow: Actions,
    /// Which identities receivers learn.
    pub disclose: Disclosure,
}

/// A set of actions; default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// CALL.
    pub call: bool,
    /// REGISTER.
    pub register: bool,
    /// PUBLISH.
    pub publish: bool,
    /// SUBSCRIBE.
    pub subscribe: bool,
}

impl Actions {
    /// Every action.
    pub const ALL: Actions = Actions { call: true, register: true, publish: true, subscribe: true };

    #[inline]
    fn has(self, action: Action) -> bool {
        match action {
            Action::Call => self.call,
            Action::Register => self.register,
            Action::Publish => self.publish,
            Action::Subscribe => self.subscribe,
        }
    }
}

/// Which identities are disclosed; default those of sessions that ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disclosure {
    /// The caller's, to callees.
    pub caller: Disclose,
    /// The publisher's, to subscribers.
    pub publisher: Disclose,
}

/// Whether receivers learn who acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Disclose {
    /// If the session asks for it (`disclose_me`), or the callee did for its callers (`disclose_caller` in REGISTER).
    #[default]
    AsAsked,
    /// In any case.
    Always,
    /// In no case. `disclose_me` has no effect then, and is no error.
    Never,
}

impl Disclose {
    /// What holds for a message with this `disclose_me`.
    #[inline]
    pub fn holds(self, disclose_me: bool) -> bool {
        match self {
            Disclose::AsAsked => disclose_me,
            Disclose::Always => true,
            Disclose::Never => false,
        }
    }
}

/// What the most specific rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    allow: Actions,
    disclose: Disclosure,
}

impl Verdict {
    #[inline]
    fn of(self, action: Action) -> Option<Disclose> {
        let disclose = match action {
            Action::Call => self.disclose.caller,
            Action::Publish => self.disclose.publisher,
            Action::Register | Action::Subscribe => Disclose::AsAsked,
        };
        self.allow.has(action).then_some(disclose)
    }
}

/// A rule that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPermission {
    /// Its URI is no URI or pattern.
    #[error("permission for {uri:?}: {why}")]
    Uri {
        /// The rule's URI.
        uri: String,
        /// Why it is refused.
        why: BadUri,
    },
    /// Two rules for the same URI and match policy.
    #[error("two permissions for {uri:?} with match policy {}", .match_policy.as_str())]
    Duplicate {
        /// The URI of both.
        uri: String,
        /// The policy of both.
        match_policy: MatchPolicy,
    },
}

/// A role's rules, indexed.
#[derive(Debug, Default)]
pub struct Permissions {
    rules: Vec<Rule>,
    index: UriMap,
    subscribe_denials: Denials,
    register_denials: Denials,
    /// Decides everything, if a single rule does.
    everything: Option<Verdict>,
    allow_by_default: bool,
}

#[derive(Debug)]
struct Rule {
    verdict: Verdict,
    /// Bytes before the pattern opens up.
    lead: usize,
    match_policy: MatchPolicy,
    uri: Box<str>,
}

/// What decided on an action. Rules are told by their place in the list the [`Permissions`] were made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This rule is the most specific one that applies.
    Rule(usize),
    /// No rule applies.
    NoRule,
    /// The procedure gives power over other sessions, and no rule that names it or the beginning `wamp.` allows it. What allows
    /// everything does not count.
    Unnamed,
    /// A rule for some of the URIs that the pattern matches denies it, whatever `within`, the rule for all of them, says.
    PartDenied {
        /// The rule that denies.
        by: usize,
        /// The most specific rule for all of the pattern; none where the default allows the rest.
        within: Option<usize>,
    },
}

/// Whether an action is allowed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// If it is allowed: whether the actor is disclosed.
    pub allowed: Option<Disclose>,
    /// What decided.
    pub reason: Reason,
}

impl Permissions {
    /// These rules; what none applies to is denied. Their URIs are checked loosely.
    pub fn new(rules: impl IntoIterator<Item = Permission>) -> Result<Self, BadPermission> {
        let mut permissions = Permissions::default();
        for rule in rules {
            permissions.add(rule)?;
        }
        let Permissions { rules, subscribe_denials, register_denials, .. } = &mut permissions;
        subscribe_denials.finish(rules);
        register_denials.finish(rules);
        permissions.everything = permissions.find_everything();
        Ok(permissions)
    }

    /// Everything is allowed, and sessions are disclosed that ask for it.
    pub fn allow_all() -> Self {
        let allow = Verdict { allow: Actions::ALL, disclose: Disclosure::default() };
        Permissions { everything: Some(allow), allow_by_default: true, ..Permissions::default() }
    }

    /// The same rules, but what none applies to is allowed (`allow-by-default` of Crossbar.io's configuration).
    #[must_use]
    pub fn allow_by_default(mut self, allow: bool) -> Self {
        self.allow_by_default = allow;
        self.everything = self.find_everything();
        self
    }

    fn add(&mut self, rule: Permission) -> Result<(), BadPermission> {
        let Permission { uri, match_policy, allow, disclose } = rule;
        if let Err(why) = uri::check(&uri, match_policy, Strictness::Loose) {
            return Err(BadPermission::Uri { uri, why });
        }
        if self.index.get(match_policy, &uri).is_some() {
            return Err(BadPermission::Duplicate { uri, match_policy });
        }
        let key = self.rules.len() as Key;
        self.index.insert(match_policy, &uri, key);
        let lead = lead(&uri, match_policy);
        if !allow.subscribe {
            self.subscribe_denials.add(lead, key);
        }
        if !allow.register {
            self.register_denials.add(lead, key);
        }
        let verdict = Verdict { allow, disclose };
        self.rules.push(Rule { verdict, lead: lead.len(), match_policy, uri: uri.into() });
        Ok(())
    }

    fn find_everything(&self) -> Option<Verdict> {
        let default = Actions { call: true, register: true, publish: true, subscribe: true };
        let default = if self.allow_by_default { default } else { Actions::default() };
        match &self.rules[..] {
            [] => Some(Verdict { allow: default, disclose: Disclosure::default() }),
            [rule] if self.index.get(MatchPolicy::Prefix, "").is_some() => Some(rule.verdict),
            _ => None,
        }
    }

    /// Whether the action is allowed; if so, whether the actor is disclosed.
    #[inline]
    pub fn decide(&self, action: Action, uri: &str, policy: MatchPolicy) -> Option<Disclose> {
        match self.everything {
            Some(verdict) => verdict.of(action),
            None if policy == MatchPolicy::Exact => match self.most_specific(uri, policy) {
                Some(key) => self.rules[key as usize].verdict.of(action),
                None => self.allow_by_default.then_some(Disclose::AsAsked),
            },
            None => self.judge(action, uri, policy).allowed,
        }
    }

    /// The same as [`Permissions::decide`], with the reason.
    pub fn judge(&self, action: Action, uri: &str, policy: MatchPolicy) -> Judgement {
        let policy = effective_policy(uri, policy);
        let rule = self.most_specific(uri, policy);
        if action == Action::Call && meta::gives_power(uri) && !rule.is_some_and(|key| self.names_own(key)) {
            return Judgement { allowed: None, reason: Reason::Unnamed };
        }
        let allowed = match rule {
            Some(key) => self.rules[key as usize].verdict.of(action),
            // `allow_all` has no rules.
            None => self
                .everything
                .map_or(self.allow_by_default.then_some(Disclose::AsAsked), |all| all.of(action)),
        };
        if allowed.is_some()
            && policy != MatchPolicy::Exact
            && let Some(by) = self.part_denied(action, uri, policy, rule)
        {
            let reason = Reason::PartDenied { by: by as usize, within: rule.map(|key| key as usize) };
            return Judgement { allowed: None, reason };
        }
        Judgement { allowed, reason: rule.map_or(Reason::NoRule, |key| Reason::Rule(key as usize)) }
    }

    /// Whether the rule names the router's own namespace: what it is for begins with `wamp.`.
    fn names_own(&self, key: Key) -> bool {
        let rule = &self.rules[key as usize];
        meta::is_reserved(&rule.uri[..rule.lead])
    }

    /// The URI or pattern of a rule, by its place in the list these permissions were made of.
    pub fn rule(&self, index: usize) -> Option<(&str, MatchPolicy)> {
        self.rules.get(index).map(|rule| (&*rule.uri, rule.match_policy))
    }

    /// The most specific rule that applies to the URI, or to all URIs of the pattern.
    #[inline]
    fn most_specific(&self, uri: &str, policy: MatchPolicy) -> Option<Key> {
        if policy == MatchPolicy::Exact
            && let Some(key) = self.index.exact(uri)
        {
            return Some(key);
        }
        let prefix = self.index.longest_prefix(lead(uri, policy)).map(|(_, key)| key);
        // A prefix pattern matches URIs of any number of components, so no wildcard contains it.
        let wildcard = (policy != MatchPolicy::Prefix).then(|| self.index.best_wildcard(uri)).flatten();
        let lead = |key: Key| self.rules[key as usize].lead;
        match (prefix, wildcard) {
            (Some(prefix), Some(wildcard)) if lead(prefix) > lead(wildcard) => Some(prefix),
            (_, Some(wildcard)) => Some(wildcard),
            (prefix, None) => prefix,
        }
    }
}

/// A wildcard pattern without a wildcard is a URI, and the rule for that URI decides on it.
fn effective_policy(uri: &str, policy: MatchPolicy) -> MatchPolicy {
    match policy {
        MatchPolicy::Wildcard if uri.split('.').all(|component| !component.is_empty()) => MatchPolicy::Exact,
        policy => policy,
    }
}

/// Whether a URI is the router's own: nobody else publishes or registers it, whatever their role.
pub fn is_reserved(uri: &str) -> bool {
    crate::meta::is_reserved(uri)
}

/// What all URIs that the pattern matches start with.
pub(crate) fn lead(uri: &str, policy: MatchPolicy) -> &str {
    if policy != MatchPolicy::Wildcard {
        return uri;
    }
    let mut len = 0;
    for component in uri.split('.') {
        if component.is_empty() {
            return &uri[..len];
        }
        len += component.len() + 1;
    }
    uri
}

/// The roles of a realm. A role keeps its place when it is replaced, so sessions follow the change.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    by_name: HashMap<Arc<str>, Key>,
    places: Slab<Place>,
    changes: u64,
}

#[derive(Debug)]
struct Place {
    permissions: Option<Authorization>,
    contract: Option<Arc<Contract>>,
    authmethods: Option<Arc<[AuthMethod]>>,
    /// Which change of the realm's roles was the last one of this role.
    version: u64,
}

impl Roles {
    pub(crate) fn set(&mut self, role: Role) {
        self.changes += 1;
        let contract = role.delivery.map(|delivery| Arc::new(Contract { delivery, tells_lost: false }));
        let Role { name, permissions, authmethods, .. } = role;
        let place = Place { permissions: Some(permissions), contract, authmethods, version: self.changes };
        match self.by_name.get(&name) {
            Some(key) => self.places[*key] = place,
            None => {
                let key = self.places.insert(place);
                self.by_name.insert(name, key);
            }
        }
    }

    /// The place stays, as sessions point to it; their every action is denied until the role is set again.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let Some(key) = self.by_name.get(name) else { return false };
        self.changes += 1;
        let place = &mut self.places[*key];
        place.version = self.changes;
        place.permissions.take().is_some()
    }

    /// A removed role that no session has any more needs no place.
    pub(crate) fn forget(&mut self, name: &str) {
        if let Some(key) = self.by_name.remove(name) {
            self.places.remove(key);
        }
    }

    /// In alphabetical order.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        let there = self.by_name.iter().filter(|(_, key)| self.places[**key].permissions.is_some());
        let mut names: Vec<Arc<str>> = there.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn key(&self, name: &str) -> Option<Key> {
        let key = *self.by_name.get(name)?;
        self.places[key].permissions.is_some().then_some(key)
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&Authorization> {
        self.places[key].permissions.as_ref()
    }

    /// The contract for subscriptions that do not say otherwise.
    pub(crate) fn contract(&self, key: Key) -> Option<&Arc<Contract>> {
        self.places[key].contract.as_ref()
    }

    /// By which methods clients come to it; none for any.
    pub(crate) fn authmethods(&self, key: Key) -> Option<&[AuthMethod]> {
        self.places[key].authmethods.as_deref()
    }

    /// A number that is another one once the role has changed.
    pub(crate) fn version(&self, key: Key) -> u64 {
        self.places[key].version
    }
}

#[cfg(test)]
mod tests;
