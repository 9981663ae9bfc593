//! Telling the operator why a session was denied something, in few enough lines.
//!
//! The session gets a correlation id, the driver's log the reason under that id. The rate is bounded, of each session and of the
//! realm, and an id is given to a session only if there is a line with it:
//!
//! - the same denial of the same session for the same reason within a minute has the id of the first one;
//! - beyond the rate of a session, one line says so, and that its id stands for all denials of this session until its next line,
//!   whatever their reason. Other sessions have their lines;
//! - beyond the rate of the realm, which takes many sessions, one line does so for all of them.
//!
//! A line says how many denials of the realm were left out before it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossweave_wamp::{MatchPolicy, SessionId};
use hashbrown::HashMap;

use crate::authorization::{Authorization, Permissions, Reason};
use crate::boundary::{Action, Denial};
use crate::ids::Ids;
use crate::limits::{
    DENIALS_OF_A_SESSION_TOLD_AT_ONCE, DENIALS_OF_A_SESSION_TOLD_EVERY, DENIALS_TOLD_AT_ONCE,
    DENIALS_TOLD_EVERY,
};
use crate::session::Peer;

/// Denials that are remembered, so that they are told once.
const RECENT_MAX: usize = 64;
/// For so long.
const RECENT_FOR: Duration = Duration::from_secs(60);
/// Sessions whose share of the lines is not whole. Each has cost the realm a line within the time in which a share becomes whole
/// again, so that there are no more than the realm has lines in that time.
const SHARES_MAX: usize = {
    let whole_again_ms =
        DENIALS_OF_A_SESSION_TOLD_EVERY.as_millis() as usize * DENIALS_OF_A_SESSION_TOLD_AT_ONCE as usize;
    DENIALS_TOLD_AT_ONCE as usize + whole_again_ms / DENIALS_TOLD_EVERY.as_millis() as usize
};

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
    /// The lines of the realm.
    all: Share,
    /// Those of sessions that have had some lately; a share that is not here is whole.
    shares: HashMap<SessionId, Share>,
    untold: u64,
}

impl Default for Denials {
    fn default() -> Self {
        Denials { recent: VecDeque::new(), all: Share::new(REALM), shares: HashMap::new(), untold: 0 }
    }
}

/// How many lines there may be.
#[derive(Clone, Copy, Debug)]
struct Rate {
    at_once: u32,
    every: Duration,
}

const REALM: Rate = Rate { at_once: DENIALS_TOLD_AT_ONCE, every: DENIALS_TOLD_EVERY };
const SESSION: Rate =
    Rate { at_once: DENIALS_OF_A_SESSION_TOLD_AT_ONCE, every: DENIALS_OF_A_SESSION_TOLD_EVERY };

/// What is left of the lines of a realm or session.
#[derive(Debug)]
struct Share {
    rate: Rate,
    credit: u32,
    credited: Option<Instant>,
    /// The id of the denials for which there was no line, while there is none.
    flood: Option<Arc<str>>,
}

impl Share {
    fn new(rate: Rate) -> Share {
        Share { rate, credit: rate.at_once, credited: None, flood: None }
    }

    fn refill(&mut self, now: Instant) {
        let since = *self.credited.get_or_insert(now);
        let earned = now.saturating_duration_since(since).as_millis() / self.rate.every.as_millis();
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.credit = self.credit.saturating_add(earned).min(self.rate.at_once);
            // What is on the way to the next one stays, unless there is no next one.
            self.credited = Some(if self.is_whole() { now } else { since + self.rate.every * earned });
        }
    }

    fn is_whole(&self) -> bool {
        self.credit == self.rate.at_once
    }
}

/// What becomes of a denial that was not told lately.
enum Place {
    /// It has a line of its own.
    Line,
    /// It has the id of a line that stands for many.
    Flood(Arc<str>),
    /// It begins the flood of its session.
    FirstOfSession,
    /// It begins the flood of the realm.
    FirstOfRealm,
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
        let place = self.place(now, peer.session.id);
        if let Place::Flood(id) = place {
            self.untold += 1;
            return (id, None);
        }
        let id: Arc<str> = format!("{:016x}", ids.denial()).into();
        match place {
            Place::FirstOfRealm => {
                self.all.flood = Some(id.clone());
                reason = format!(
                    "denials come too quickly: those until the next line are counted, and have this id whatever their session, URI and reason; the first: {reason}"
                );
            }
            Place::FirstOfSession => {
                self.spend(now, peer.session.id).flood = Some(id.clone());
                reason = format!(
                    "denials of this session come too quickly: those until the next line of this session are counted, and have this id whatever their URI and reason; the first: {reason}"
                );
            }
            Place::Line | Place::Flood(_) => {
                self.spend(now, peer.session.id).flood = None;
                self.remember(now, peer.session.id, denied, &reason, &id);
            }
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

    /// Where a denial of this session goes, as far as the realm and the session have lines left.
    fn place(&mut self, now: Instant, session: SessionId) -> Place {
        self.all.refill(now);
        if self.shares.len() >= SHARES_MAX {
            self.shares.retain(|_, share| {
                share.refill(now);
                !share.is_whole()
            });
        }
        if let Some(share) = self.shares.get_mut(&session) {
            share.refill(now);
            if share.credit == 0
                && let Some(id) = &share.flood
            {
                return Place::Flood(id.clone());
            }
        }
        let share = self.shares.get(&session);
        let has_room = share.is_some() || self.shares.len() < SHARES_MAX;
        match &self.all.flood {
            Some(id) if self.all.credit == 0 || !has_room => Place::Flood(id.clone()),
            None if self.all.credit == 0 || !has_room => Place::FirstOfRealm,
            _ if share.is_some_and(|it| it.credit == 0) => Place::FirstOfSession,
            _ => Place::Line,
        }
    }

    /// Takes a line of the realm, and one of the session if it has one left.
    fn spend(&mut self, now: Instant, session: SessionId) -> &mut Share {
        self.all.credit = self.all.credit.saturating_sub(1);
        self.all.flood = None;
        let share = self.shares.entry(session).or_insert_with(|| Share::new(SESSION));
        share.credited.get_or_insert(now);
        share.credit = share.credit.saturating_sub(1);
        share
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
