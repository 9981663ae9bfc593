//! What a realm is subscribed to and what is registered there, by others than links. Pure: it learns by the realm's meta API.
//!
//! A link that took the subscriptions of other links for wishes would keep theirs alive, and they its own, for ever.

use std::collections::{BTreeSet, HashMap, HashSet};

use crossweave_client::{InvokePolicy, MatchPolicy, Value};

/// What the authids of links in this program begin with; their role is `trusted`.
pub(super) const OWN_AUTHID: &str = "rlink.";
/// The role that links from other routers are to have; the name is Crossbar.io's.
pub(super) const LINK_ROLE: &str = "rlink";
/// Sessions that are subscribed or registered, over all, before a realm is too big for a link.
const MEMBERS_MAX: usize = 2_000_000;

/// Two things that are forwarded alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Subscription,
    Registration,
}

/// A topic, a procedure, or a pattern of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) uri: String,
    pub(super) policy: MatchPolicy,
    pub(super) invoke: InvokePolicy,
}

/// What is known of a realm.
#[derive(Debug, Default)]
pub(super) struct Watched {
    links: HashSet<u64>,
    known: HashMap<(Kind, u64), Known>,
    members: usize,
    /// Of which something has changed.
    changed: BTreeSet<(Kind, u64)>,
}

#[derive(Debug)]
struct Known {
    pattern: Pattern,
    members: HashSet<u64>,
}

impl Kind {
    /// What the names of its meta API begin with.
    pub(super) fn api(self) -> &'static str {
        match self {
            Kind::Subscription => "wamp.subscription.",
            Kind::Registration => "wamp.registration.",
        }
    }
}

/// Whether a URI is the router's or the node's own, and nobody else's on another router.
pub(super) fn is_reserved(uri: &str) -> bool {
    uri.starts_with("wamp.") || uri.starts_with("crossbar.")
}

impl Watched {
    /// A session is a link.
    pub(super) fn link(&mut self, session: u64) {
        self.links.insert(session);
    }

    /// Something is there, with these members.
    pub(super) fn add(&mut self, kind: Kind, details: &Value, members: impl IntoIterator<Item = u64>) {
        let Some((id, pattern)) = read(details) else { return };
        if is_reserved(&pattern.uri) {
            return;
        }
        let known = self.known.entry((kind, id)).or_insert(Known { pattern, members: HashSet::new() });
        for member in members {
            self.members += usize::from(known.members.insert(member));
        }
        self.changed.insert((kind, id));
    }

    /// A meta event: its topic and arguments.
    pub(super) fn event(&mut self, topic: &str, args: &[Value]) {
        if let Some(name) = topic.strip_prefix("wamp.session.") {
            return self.session(name, args);
        }
        let of = |kind: Kind| topic.strip_prefix(kind.api()).map(|name| (kind, name));
        let Some((kind, name)) = of(Kind::Subscription).or_else(|| of(Kind::Registration)) else { return };
        let (Some(session), Some(second)) = (args.first().and_then(Value::as_u64), args.get(1)) else {
            return;
        };
        if name == "on_create" {
            return self.add(kind, second, []);
        }
        let Some(id) = second.as_u64() else { return };
        let Some(known) = self.known.get_mut(&(kind, id)) else { return };
        match name {
            "on_subscribe" | "on_register" => self.members += usize::from(known.members.insert(session)),
            "on_unsubscribe" | "on_unregister" => {
                self.members -= usize::from(known.members.remove(&session));
            }
            "on_delete" => {
                self.members -= known.members.len();
                self.known.remove(&(kind, id));
            }
            _ => return,
        }
        self.changed.insert((kind, id));
    }

    fn session(&mut self, name: &str, args: &[Value]) {
        match (name, args.first()) {
            ("on_join", Some(Value::Dict(details))) => {
                let Some(session) = details.get("session").and_then(Value::as_u64) else { return };
                if is_link(details.str("authrole"), details.str("authid")) {
                    self.links.insert(session);
                }
            }
            ("on_leave", Some(session)) => {
                if let Some(session) = session.as_u64() {
                    self.links.remove(&session);
                }
            }
            _ => {}
        }
    }

    /// Of which something has changed since it was asked last.
    pub(super) fn take_changed(&mut self) -> BTreeSet<(Kind, u64)> {
        std::mem::take(&mut self.changed)
    }

    /// What is there and is wanted by somebody who is no link.
    pub(super) fn wanted(&self, kind: Kind, id: u64) -> Option<&Pattern> {
        let known = self.known.get(&(kind, id))?;
        // There are few links: others are found at once.
        known.members.iter().any(|member| !self.links.contains(member)).then_some(&known.pattern)
    }

    /// Whether there is more than a link can keep track of.
    pub(super) fn is_too_big(&self) -> bool {
        self.members > MEMBERS_MAX || self.known.len() > MEMBERS_MAX
    }
}

/// Whether a session of this role and authid is one of a link.
pub(super) fn is_link(authrole: Option<&str>, authid: Option<&str>) -> bool {
    match authrole {
        Some(LINK_ROLE) => true,
        Some("trusted") => authid.is_some_and(|authid| authid.starts_with(OWN_AUTHID)),
        _ => false,
    }
}

/// Details as `on_create` and `get` tell them. Of an invocation policy that is not known here, callees are shared in turn.
fn read(details: &Value) -> Option<(u64, Pattern)> {
    let details = details.as_dict()?;
    let policy = MatchPolicy::parse(details.str("match").unwrap_or("exact"))?;
    let invoke = details.str("invoke").unwrap_or("single");
    let invoke = InvokePolicy::parse(invoke).unwrap_or(InvokePolicy::RoundRobin);
    let uri = details.str("uri")?.to_owned();
    Some((details.get("id")?.as_u64()?, Pattern { uri, policy, invoke }))
}

#[cfg(test)]
mod tests {
    use crossweave_client::Dict;

    use super::*;

    fn created(id: u64, uri: &str) -> Value {
        Dict::new().with("id", id).with("uri", uri).with("match", "prefix").into()
    }

    fn event(watched: &mut Watched, name: &str, session: u64, second: Value) {
        watched.event(&format!("wamp.subscription.{name}"), &[session.into(), second]);
    }

    fn is_wanted(watched: &Watched, id: u64) -> bool {
        watched.wanted(Kind::Subscription, id).is_some()
    }

    #[test]
    fn what_somebody_listens_to_is_wanted_until_the_last_one_goes() {
        let mut watched = Watched::default();
        event(&mut watched, "on_create", 1, created(7, "com.a"));
        assert!(!is_wanted(&watched, 7));
        for session in [1, 2] {
            event(&mut watched, "on_subscribe", session, 7.into());
        }
        assert_eq!(watched.wanted(Kind::Subscription, 7).unwrap().policy, MatchPolicy::Prefix);
        event(&mut watched, "on_unsubscribe", 1, 7.into());
        assert!(is_wanted(&watched, 7));
        event(&mut watched, "on_unsubscribe", 2, 7.into());
        assert!(!is_wanted(&watched, 7));
        assert_eq!(watched.take_changed(), [(Kind::Subscription, 7)].into());
        assert_eq!(watched.members, 0);
    }

    #[test]
    fn what_only_links_listen_to_is_not_wanted() {
        let mut watched = Watched::default();
        watched.link(1);
        let join = Dict::new().with("session", 2).with("authrole", "rlink").with("authid", "other");
        watched.event("wamp.session.on_join", &[join.into()]);
        watched.add(Kind::Subscription, &created(7, "com.a"), [1, 2]);
        assert!(!is_wanted(&watched, 7));
        event(&mut watched, "on_subscribe", 3, 7.into());
        assert!(is_wanted(&watched, 7));
        watched.event("wamp.session.on_leave", &[2.into()]);
        assert!(!watched.links.contains(&2));
    }

    #[test]
    fn what_was_seen_before_it_was_listed_does_no_harm() {
        let mut watched = Watched::default();
        watched.add(Kind::Subscription, &created(7, "com.a"), [1]);
        event(&mut watched, "on_create", 1, created(7, "com.a"));
        event(&mut watched, "on_subscribe", 1, 7.into());
        event(&mut watched, "on_subscribe", 1, 9.into());
        event(&mut watched, "on_unsubscribe", 1, 7.into());
        event(&mut watched, "on_delete", 1, 7.into());
        assert!(watched.known.is_empty() && watched.members == 0);
    }

    #[test]
    fn the_routers_own_is_nobodys_elsewhere() {
        let mut watched = Watched::default();
        watched.add(Kind::Registration, &created(7, "wamp.session.list"), [1]);
        watched.add(Kind::Registration, &created(8, "crossbar.x"), [1]);
        assert!(watched.known.is_empty());
    }
}
