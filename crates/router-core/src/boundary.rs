//! The boundary of a realm: everything it can be told, everything it can ask its driver to do.
//!
//! The driver owns sockets, time and encoding. It hands one [`Input`] after the other to [`Realm::handle`](crate::Realm::handle)
//! and is called back through an [`Outbox`] while the call lasts. Nothing is remembered between calls but the realm itself.

use std::sync::Arc;

use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Goodbye, Welcome};
use crossweave_wamp::{
    Delivery, Dict, MatchPolicy, Message, ProtocolViolation, RequestId, SessionId, SubscriptionId,
};

use crate::authorization::Disclose;
pub use crate::broker::record::{Publisher, Record, Recorded};

/// A session's place at the driver: a small number, unique among the sessions that are attached to the realm now.
///
/// The driver chooses it (an index into its table of peers), so that no delivery costs it a look-up by session id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// A question to the driver that a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(pub u64);

/// An authenticated session that is about to join.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id, unique on the router.
    pub id: SessionId,
    /// Who it is.
    pub authid: Arc<str>,
    /// The role its permissions come from. It must exist on the realm: see [`Realm::has_role`](crate::Realm::has_role).
    pub authrole: Arc<str>,
    /// How it proved it: `anonymous`, `ticket`, ….
    pub authmethod: Arc<str>,
    /// Who vouched for it: `static`, `dynamic`, ….
    pub authprovider: Arc<str>,
    /// Roles and features the client announced in HELLO.
    pub roles: Roles,
    /// `authextra` for WELCOME and the meta API.
    pub authextra: Dict,
    /// The `transport` dict of the meta API: kind of channel, peer address, serializer.
    pub transport: Dict,
}

/// Everything a realm can be told.
#[derive(Debug)]
pub enum Input<'i, 'm> {
    /// A session joins. The realm sends it this WELCOME before anything else.
    Join(Slot, Box<Session>, Box<Welcome>),
    /// A message of a joined session, in the order it came. The realm takes out of it what it keeps: what stays behind is of no
    /// use any more. By reference, as it is a few hundred bytes.
    Message(Slot, &'i mut Message<'m>),
    /// A joined session sent what is no message. It is aborted.
    Violation(Slot, ProtocolViolation),
    /// The answer to an [`Outbox::ask`].
    Answer(QuestionId, Decision),
    /// The router closes a session: GOODBYE with this reason, then it is gone.
    Close(Slot, &'static str),
    /// A session's transport is gone.
    Leave(Slot),
    /// A joined session has no connection for now, or has one again. It stays what it is.
    Presence(Slot, Presence),
    /// An INVOCATION that [`Outbox::send`] took could not be queued for its callee: the call gets an ERROR that says why, as
    /// if the callee had answered so. Not held back while a message of the callee awaits authorization, unlike an ERROR
    /// that comes as [`Input::Message`].
    Undelivered(Slot, RequestId, Undelivered),
    /// A progressive RESULT that [`Outbox::send`] took could not be queued for the caller, whose id for the call this is: the call
    /// ends with an ERROR that says why, and its callee is interrupted. No message that came behind it may be handled before.
    Unreceived(Slot, RequestId, Undelivered),
    /// The router ends sessions of its own accord: each gets this GOODBYE, then it is gone.
    Kill(Whom, Goodbye),
    /// A role is no more: its sessions may do nothing from now on, get this GOODBYE, and are gone. Their testaments are not
    /// published, as nobody may do that any more.
    RemoveRole(Arc<str>, Goodbye),
    /// [`Realm::deadline`](crate::Realm::deadline) has passed.
    Tick,
}

/// Whether a joined session has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has one, again.
    There,
    /// It has lost it, and may come back. The calls it has wait for it; of several callees of a procedure those that are there get
    /// the further ones.
    Away,
    /// The same, and nobody knows since when, as it did not answer: the calls it has as one of the callees of a shared registration end
    /// with `wamp.error.canceled`, and it is interrupted. What it answers later is nobody's. Very many end in portions, and go on if
    /// it is back before their turn.
    Silent,
}

/// Which sessions [`Input::Kill`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All of them, and nobody is told of it: no testaments, no `wamp.session.on_leave`.
    Everybody,
    /// Those with this authid.
    Authid(Arc<str>),
}

impl Whom {
    /// Whether a session is meant.
    pub fn is(&self, session: &Session) -> bool {
        match self {
            Whom::Everybody => true,
            Whom::Authid(authid) => session.authid == *authid,
        }
    }
}

/// Why an INVOCATION or a progressive RESULT could not be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The receiver is too far behind: ERROR `wamp.error.unavailable` of a callee, `wamp.error.resource_exhausted` to a caller.
    NoRoom,
    /// It takes no message that long: ERROR `wamp.error.payload_size_exceeded`.
    TooLong,
}

/// Whether the driver may go on with the session whose input it was.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// A message of the session waits for an answer. What it sends meanwhile is held back in order, up to a bound, so read no
    /// more from it until [`Outbox::resume`].
    Pause,
    /// The session has left the realm.
    Gone,
}

/// What a session wants to do with a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// CALL.
    Call,
    /// REGISTER.
    Register,
    /// PUBLISH.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
}

impl Action {
    /// The name in configurations and authorizers.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Call => "call",
            Action::Register => "register",
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
        }
    }
}

/// A question to the role's authorizer.
#[derive(Clone, Debug)]
pub struct AuthorizeRequest {
    /// The procedure that is to decide; none if the embedding program is.
    pub procedure: Option<Arc<str>>,
    /// Who asks.
    pub session: SessionId,
    /// Its authid.
    pub authid: Arc<str>,
    /// Its role.
    pub authrole: Arc<str>,
    /// The session as authorizers are told of it: `session`, `authid`, `authrole`, `authmethod`, `authprovider`, `authextra`
    /// and `transport`.
    pub details: Dict,
    /// What it wants to do.
    pub action: Action,
    /// With which URI or pattern.
    pub uri: String,
    /// `exact`, `prefix` or `wildcard`, for SUBSCRIBE and REGISTER.
    pub match_policy: MatchPolicy,
    /// The message's options, as far as the router knows them.
    pub options: Dict,
}

/// Whether an action is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is.
    Allow {
        /// Whether the receiver learns who calls or publishes.
        disclose: Disclose,
        /// Whether the decision may be remembered, for the same session and the same action with the same options.
        cache: bool,
    },
    /// It is not.
    Deny {
        /// Whether the decision may be remembered.
        cache: bool,
    },
    /// The authorizer failed or took too long: ERROR `wamp.error.authorization_failed`. Why, for the log.
    Failed(Arc<str>),
}

impl Decision {
    /// It is allowed; the actor is disclosed if it asks for that.
    pub const ALLOW: Decision = Decision::Allow { disclose: Disclose::AsAsked, cache: false };
    /// It is not allowed.
    pub const DENY: Decision = Decision::Deny { cache: false };

    /// The same, not to be remembered.
    pub(crate) fn once(self) -> Decision {
        match self {
            Decision::Allow { disclose, .. } => Decision::Allow { disclose, cache: false },
            Decision::Deny { .. } => Decision::DENY,
            Decision::Failed(why) => Decision::Failed(why),
        }
    }
}

/// Why a session was denied something, for the operator. Not for the session, which gets the id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The correlation id that the session was given.
    pub id: Arc<str>,
    /// The session.
    pub session: SessionId,
    /// Its authid.
    pub authid: Arc<str>,
    /// Its role.
    pub authrole: Arc<str>,
    /// What it wanted to do.
    pub action: Action,
    /// With which URI or pattern.
    pub uri: String,
    /// How that is matched.
    pub match_policy: MatchPolicy,
    /// Whether that is for an authorizer that failed, which somebody may have to look after.
    pub is_failure: bool,
    /// What decided against it: one sentence, lower case, without full stop.
    pub reason: String,
    /// Denials of the realm since the last that was told which came too quickly to be told.
    pub untold: u64,
}

/// The bound that an event met which was to be retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetainedBound {
    /// So many events: [`retained_events_max`](crate::RealmLimits::retained_events_max).
    Events(usize),
    /// So many bytes: [`retained_bytes_max`](crate::RealmLimits::retained_bytes_max).
    Bytes(usize),
}

/// What holds for the events of one subscriber on one subscription while it reads too slowly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// What becomes of them.
    pub delivery: Delivery,
    /// Whether the EVENT after a loss says how many were lost. Only to who asked for the contract: for others, whose contract
    /// is that of their role, nothing is to be seen of it.
    pub tells_lost: bool,
}

/// Everything a realm can ask its driver to do. Called only during [`Realm::handle`](crate::Realm::handle), in the order in
/// which each receiver must see the effects.
pub trait Outbox {
    /// Queues a message for one session. A message that is not an EVENT must reach the session or end it.
    fn send(&mut self, to: Slot, message: &Message<'_>);

    /// Queues one EVENT for many sessions: the same bytes for each of one serializer, so encode it once.
    fn multicast(&mut self, to: impl Iterator<Item = Slot>, event: &Message<'_>);

    /// Queues one EVENT for sessions that have a contract for its subscription. `topic` is the one it was published to. By
    /// default they get it like any other message.
    fn deliver<'c>(
        &mut self,
        to: impl Iterator<Item = (Slot, &'c Contract)>,
        event: &Message<'_>,
        topic: &str,
    ) {
        let _ = topic;
        to.for_each(|(slot, _)| self.send(slot, event));
    }

    /// Whether a session reads so well that it may be sent many events at once. By default it always does.
    fn has_room(&self, slot: Slot) -> bool {
        let _ = slot;
        true
    }

    /// So many events of a subscription are not sent to a session that has no room ([`Outbox::has_room`]): they are dropped, under its
    /// contract if it has one.
    fn drop_events(
        &mut self,
        slot: Slot,
        subscription: SubscriptionId,
        contract: Option<&Contract>,
        events: u64,
    ) {
        let _ = (slot, subscription, contract, events);
    }

    /// The session, which had a contract for this subscription, gets no more events of it: what waits is not delivered.
    fn forget(&mut self, slot: Slot, subscription: SubscriptionId) {
        let _ = (slot, subscription);
    }

    /// Asks the role's authorizer; the answer comes as [`Input::Answer`], at once or later.
    fn ask(&mut self, question: QuestionId, request: AuthorizeRequest);

    /// Tells the operator of a denial. The rate is bounded: see [`DENIALS_TOLD_AT_ONCE`](crate::limits::DENIALS_TOLD_AT_ONCE).
    fn denied(&mut self, denial: Denial) {
        let _ = denial;
    }

    /// The history has taken an event: write it down, if it is to be there after a restart. See
    /// [`Realm::restore`](crate::Realm::restore).
    fn recorded(&mut self, event: Recorded) {
        let _ = event;
    }

    /// Tells the operator that an event was delivered and not retained as it asked, as this bound is met. The rate is not bounded.
    fn not_retained(&mut self, topic: &str, bound: RetainedBound) {
        let _ = (topic, bound);
    }

    /// Reads from the session again: nothing of it waits any more.
    fn resume(&mut self, slot: Slot);

    /// The session has left the realm. `Some(reason)` where the transport must be closed after what is queued
    /// was written, `None` where the session ended by GOODBYE and the transport may open another one.
    fn detach(&mut self, slot: Slot, close: Option<&'static str>);

    /// Nothing remains in the realm of a session that has left, in whatever way: the driver may give its slot to another
    /// session once it has no more use for it itself. Comes once for every session that joined, before or after
    /// [`Outbox::detach`], and for one with many subscriptions or calls not before some more [`Input::Tick`]s.
    fn free(&mut self, slot: Slot);
}
