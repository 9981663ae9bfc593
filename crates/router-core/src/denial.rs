//! Telling the operator why a session was denied something, in few enough lines.
//!
//! The session gets a correlation id, the driver's log the reason under that id. Its rate is bounded, and an id is given to a
//! session only if there is a line with it:
//!
//! - the same denial of the same session for the same reason within a minute has the id of the first one;
//! - beyond the rate, one line says so, and that its id stands for all denials until the next line, whatever their reason. The
//!   next line says how many.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossweave_wamp::{MatchPolicy, SessionId};

use crate::authorization::{Authorization, Permissions, Reason};
use crate::boundary::{Action, Denial};
use crate::ids::Ids;
use crate::limits::{DENIALS_TOLD_AT_ONCE, DENIALS_TOLD_EVERY};
use crate::session::Peer;

/// Denials that are remembered, so that they are told once.
const RECENT_MAX: usize = 64;
/// For so long.
const RECENT_FOR: Duration = Duration::from_secs(60);

/// What decided against a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A rule of its role, or that there is none.
    Rules(Reason),
    /// The role's authorizer, now or when it was asked last.
    Authorizer,
    /// The authorizer failed.
    Failed(Arc<str>),
    /// The role was removed.
    RoleIsGone,
}

/// A denial that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) action: Action,
    pub(crate) uri: Box<str>,
    pub(crate) match_policy: MatchPolicy,
    pub(crate) cause: Cause,
}

/// The denials of a realm, as far as they are remembered.
#[derive(Debug)]
pub(crate) struct Denials {
    recent: VecDeque<Recent>,
    /// Lines that may be written at once.
    credit: u32,
    credited: Option<Instant>,
    /// The id that all denials have for which there was no line.
    flood: Option<Arc<str>>,
    untold: u64,
}

impl Default for Denials {
    fn default() -> Self {
        let credit = DENIALS_TOLD_AT_ONCE;
        Denials { recent: VecDeque::new(), credit, credited: None, flood: None, untold: 0 }
    }
}

#[derive(Debug)]
struct Recent {
    session: SessionId,
    action: Action,
    match_policy: MatchPolicy,
    uri: Box<str>,
    reason: Box<str>,
    id: Arc<str>,
    until: Instant,
}

impl Denials {
    /// The correlation id of a denial; and what the operator is to be told, if anything.
    #[cold]
    pub(crate) fn tell(
        &mut self,
        now: Instant,
        ids: &mut Ids,
        peer: &Peer,
        role: Option<&Authorization>,
        denied: &Denied,
    ) -> (Arc<str>, Option<Denial>) {
        let mut reason = reason(role, &denied.cause);
        if let Some(id) = self.find(now, peer.session.id, denied, &reason) {
            return (id, None);
        }
        self.refill(now);
        let is_flood = self.credit == 0;
        if is_flood && let Some(id) = &self.flood {
            self.untold += 1;
            return (id.clone(), None);
        }
        let id: Arc<str> = format!("{:016x}", ids.denial()).into();
        if is_flood {
            let all = "denials come too quickly: those until the next line are counted, and have this id whatever their session, URI and reason";
            reason = format!("{all}; the first: {reason}");
            self.flood = Some(id.clone());
        } else {
            self.credit -= 1;
            self.flood = None;
            self.remember(now, peer.session.id, denied, &reason, &id);
        }
        let denial = Denial {
            id: id.clone(),
            session: peer.session.id,
            authid: peer.session.authid.clone(),
            authrole: peer.session.authrole.clone(),
            action: denied.action,
            uri: denied.uri.to_string(),
            match_policy: denied.match_policy,
            is_failure: matches!(denied.cause, Cause::Failed(_)),
            reason,
            untold: std::mem::take(&mut self.untold),
        };
        (id, Some(denial))
    }

    fn find(&mut self, now: Instant, session: SessionId, denied: &Denied, reason: &str) -> Option<Arc<str>> {
        while self.recent.pop_front_if(|it| it.until <= now).is_some() {}
        let is_same = |it: &&Recent| {
            it.session == session
                && it.action == denied.action
                && it.match_policy == denied.match_policy
                && it.uri == denied.uri
                && &*it.reason == reason
        };
        self.recent.iter().find(is_same).map(|it| it.id.clone())
    }

    fn remember(&mut self, now: Instant, session: SessionId, denied: &Denied, reason: &str, id: &Arc<str>) {
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        let Denied { action, uri, match_policy, .. } = denied.clone();
        self.recent.push_back(Recent {
            session,
            action,
            match_policy,
            uri,
            reason: reason.into(),
            id: id.clone(),
            until: now + RECENT_FOR,
        });
    }

    fn refill(&mut self, now: Instant) {
        let since = *self.credited.get_or_insert(now);
        let earned = now.saturating_duration_since(since).as_millis() / DENIALS_TOLD_EVERY.as_millis();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.credit = self.credit.saturating_add(earned).min(DENIALS_TOLD_AT_ONCE);
            self.credited = Some(now);
        }
    }
}

/// Why, for the operator.
fn reason(role: Option<&Authorization>, cause: &Cause) -> String {
    match (cause, role) {
        (Cause::Rules(reason), Some(Authorization::Static(permissions))) => by_rules(permissions, *reason),
        (Cause::Rules(_), _) => "by the rules of its role, which has changed since".to_owned(),
        (Cause::Authorizer, Some(Authorization::Procedure(procedure))) => {
            format!("authorizer {procedure} says no")
        }
        (Cause::Authorizer, _) => "the authorizer says no".to_owned(),
        (Cause::Failed(why), Some(Authorization::Procedure(procedure))) => {
            format!("authorizer {procedure} failed: {why}")
        }
        (Cause::Failed(why), _) => format!("the authorizer failed: {why}"),
        (Cause::RoleIsGone, _) => "the role does not exist any more".to_owned(),
    }
}

fn by_rules(permissions: &Permissions, reason: Reason) -> String {
    let rule = |index: usize| match permissions.rule(index) {
        Some((uri, policy)) => format!("permission {} of the role ({uri:?}, {})", index + 1, policy.as_str()),
        None => format!("permission {} of the role", index + 1),
    };
    match reason {
        Reason::Rule(index) => format!("{} decides and does not allow it", rule(index)),
        Reason::NoRule => "no permission of the role is for it".to_owned(),
        Reason::Unnamed => {
            "no permission of the role that begins with \"wamp.\" allows it; it gives power over other sessions".to_owned()
        }
        Reason::PartDenied { by, .. } => format!("{} does not allow it for a part of the pattern", rule(by)),
    }
}

#[cfg(test)]
mod tests;
