//! Decisions of authorizers that said they may be remembered (`cache`).
//!
//! A decision holds for what it depended on and for nothing else: for one session (its authid, authrole and authextra are fixed
//! while it lasts) on one transport (a session that is resumed has another), for one action on one URI with one match policy and the same options, and for the role
//! as it was when the authorizer was asked. Crossbar.io remembers by role, URI and action, so that what one session may do, all
//! of its role may.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossweave_wamp::{SessionId, Value};
use hashbrown::HashMap;

use crate::authorization::Disclose;
use crate::boundary::{Action, Decision};
use crate::limits::RealmLimits;
use crate::meta::arguments::{Arguments, invalid};
use crate::question::Deed;
use crate::refused::Refused;
use crate::session::Peer;

/// The procedure that forgets decisions.
pub(crate) const PURGE: &str = "wamp.authorization.purge";

/// A decision with more bytes than this in its URI and options is not worth remembering.
const KEY_LEN_MAX: usize = 2_048;

/// Which remembered decisions are meant: those that agree with all that is given here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Of this session.
    pub session: Option<SessionId>,
    /// Of sessions with this authid.
    pub authid: Option<String>,
    /// Of sessions with this authrole.
    pub authrole: Option<String>,
    /// On this URI or pattern.
    pub uri: Option<String>,
    /// On this action: `call`, `register`, `publish`, `subscribe`.
    pub action: Option<String>,
}

/// The decisions that a realm remembers, at most [`RealmLimits::decisions_max`], the latest ones.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    entries: HashMap<Arc<[u8]>, Entry>,
    /// When each ends, the first one first. Those that were purged or made anew are still in it.
    order: VecDeque<(Instant, Arc<[u8]>)>,
    purges: u64,
}

#[derive(Debug)]
struct Entry {
    /// What was decided: if it was allowed, with this disclosure.
    allowed: Option<Disclose>,
    until: Instant,
    role_version: u64,
    session: SessionId,
    authid: Arc<str>,
    authrole: Arc<str>,
    action: Action,
    uri: Box<str>,
}

impl Decisions {
    /// What was decided on this deed of this session, if it still holds.
    pub(crate) fn find(
        &self,
        now: Instant,
        peer: &Peer,
        role_version: u64,
        deed: &Deed<'_>,
    ) -> Option<Decision> {
        if self.entries.is_empty() {
            return None;
        }
        let entry = self.entries.get(&*deed.key(peer))?;
        let holds = now < entry.until && entry.role_version == role_version;
        let cache = true;
        holds.then_some(match entry.allowed {
            Some(disclose) => Decision::Allow { disclose, cache },
            None => Decision::Deny { cache },
        })
    }

    /// Remembers a decision that may be remembered.
    pub(crate) fn remember(
        &mut self,
        now: Instant,
        peer: &Peer,
        role_version: u64,
        deed: &Deed<'_>,
        decision: &Decision,
        limits: &RealmLimits,
    ) {
        let allowed = match decision {
            Decision::Allow { disclose, cache: true } => Some(*disclose),
            Decision::Deny { cache: true } => None,
            _ => return,
        };
        let key: Arc<[u8]> = deed.key(peer).into();
        if key.len() > KEY_LEN_MAX || limits.decisions_max == 0 {
            return;
        }
        self.make_room(now, limits.decisions_max);
        let until = now + Duration::from_millis(limits.decision_ttl_ms);
        let session = &peer.session;
        let entry = Entry {
            allowed,
            until,
            role_version,
            session: session.id,
            authid: session.authid.clone(),
            authrole: session.authrole.clone(),
            action: deed.action,
            uri: deed.uri.into(),
        };
        self.order.push_back((until, key.clone()));
        self.entries.insert(key, entry);
    }

    fn make_room(&mut self, now: Instant, max: usize) {
        while let Some((until, _)) = self.order.front()
            && (*until <= now || self.order.len() >= max)
        {
            let Some((until, key)) = self.order.pop_front() else { return };
            if self.entries.get(&key).is_some_and(|entry| entry.until == until) {
                self.entries.remove(&key);
            }
        }
    }

    /// Forgets decisions, and says how many.
    pub(crate) fn purge(&mut self, filter: &DecisionFilter) -> usize {
        self.purges += 1;
        let before = self.entries.len();
        let agrees = |asked: &Option<String>, found: &str| asked.as_ref().is_none_or(|it| it == found);
        self.entries.retain(|_, it| {
            !(filter.session.is_none_or(|id| id == it.session)
                && agrees(&filter.authid, &it.authid)
                && agrees(&filter.authrole, &it.authrole)
                && agrees(&filter.uri, &it.uri)
                && agrees(&filter.action, it.action.as_str()))
        });
        if self.entries.is_empty() {
            self.order.clear();
        }
        before - self.entries.len()
    }

    /// Forgets what was decided for sessions of a role.
    pub(crate) fn forget_role(&mut self, authrole: &str) {
        if !self.entries.is_empty() {
            self.purge(&DecisionFilter { authrole: Some(authrole.to_owned()), ..DecisionFilter::default() });
        }
    }

    /// How often decisions were purged.
    pub(crate) fn purges(&self) -> u64 {
        self.purges
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl DecisionFilter {
    /// The filter in the arguments of a call of [`PURGE`].
    pub(crate) fn of(arguments: &Arguments) -> Result<Self, Refused> {
        let mut filter = DecisionFilter::default();
        let kwargs = arguments.only_named()?;
        for (key, value) in kwargs.iter().filter(|(_, value)| !value.is_null()) {
            let text = || match value {
                Value::Str(text) => Ok(Some(text.clone())),
                _ => Err(invalid(format!("{key} must be a string"))),
            };
            match key {
                "session" => {
                    let id =
                        value.as_u64().ok_or_else(|| invalid("session must be a session id".to_owned()))?;
                    filter.session = Some(SessionId(id));
                }
                "authid" => filter.authid = text()?,
                "authrole" => filter.authrole = text()?,
                "uri" => filter.uri = text()?,
                "action" => filter.action = text()?,
                _ => {
                    return Err(invalid(format!(
                        "unknown filter {key:?}: there are session, authid, authrole, uri and action"
                    )));
                }
            }
        }
        Ok(filter)
    }
}
