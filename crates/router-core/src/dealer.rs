//! Registrations, and the way of a call to one callee and of its results back.
//!
//! Specification: "Remote Procedure Calls", and the advanced profile from "Progressive Call Results" to "Shared Registration".
//! What can become of a call is decided in one place, [`invocation`]; [`advance`] carries it out. Here is the way of a CALL to its
//! callee; the rest has a file for each idea:
//!
//! | | |
//! | --- | --- |
//! | who has which procedure | [`procedures`], [`registration`] |
//! | from CALL to INVOCATION | this file |
//! | its later parts | [`parts`] |
//! | YIELD and ERROR | [`answers`] |
//! | ends without an answer | [`ending`], [`timeouts`] |
//! | calls that wait, or go on to another callee | [`rerouting`], [`queues`], [`kept`] |
//! | callees without a connection | [`away`] |
//! | calls for one node | [`sharding`] |

mod advance;
mod answers;
mod away;
mod ending;
mod invocation;
mod kept;
mod parts;
mod procedures;
mod queues;
mod registration;
mod rerouting;
mod sharding;
mod timeouts;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Instant;

use crossweave_wamp::features::Features;
use crossweave_wamp::message::{self, Call, CallOptions, CallSharding, InvocationDetails, Kind};
use crossweave_wamp::{MatchPolicy, RegistrationId, RequestId, uris};
pub(crate) use ending::Ending;
use hashbrown::HashMap;
use invocation::{Invocation, State};
use kept::KeptCalls;
use parts::{Frozen, freeze};
use queues::Queues;
use registration::Callee;
pub(crate) use registration::Registration;
pub(crate) use rerouting::Waiting;
use timeouts::deadline;

use crate::boundary::{Outbox, Slot};
use crate::forwarding::disclosed;
use crate::ids::Ids;
use crate::limits::{CallQueueRule, RealmLimits};
use crate::passthru;
use crate::permit::Route;
use crate::refused::Refused;
use crate::session::Sessions;
use crate::slab::{Key, Slab};
use crate::trust::Attribution;
use crate::uri_map::UriMap;

/// The registrations of a realm and its invocations in flight.
#[derive(Debug)]
pub(crate) struct Dealer {
    limits: RealmLimits,
    /// Exceptions to how many calls of a registration may wait.
    call_queues: Vec<CallQueueRule>,
    procedures: UriMap,
    registrations: Slab<Registration>,
    by_id: HashMap<RegistrationId, Key>,
    invocations: Slab<Invocation>,
    /// Invocations with a timeout, the earliest first.
    timeouts: BTreeSet<(Instant, Key)>,
    /// What the callees of progressive calls are told with every part.
    frozen: Frozen,
    kept: KeptCalls,
    queues: Queues,
    /// More calls need not wait any more than go into one turn: the others are for the next tick.
    is_behind: bool,
    /// Numbers callees, so that one that registers anew is told from the one it was.
    callees: u64,
}

/// What becomes of a call that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// A callee has it.
    Started,
    /// It waits for a callee with room.
    Queued,
}

/// How a call goes to its callee.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// The registration.
    place: Key,
    /// Which of its callees.
    at: usize,
    /// What the callee is told of the caller.
    attribution: Attribution,
    deadline: Option<Instant>,
}

/// A callee that announced these features does not take a call: see [`is_taken`].
#[derive(Debug)]
struct NotTaken(Features);

impl Dealer {
    pub(crate) fn new(limits: RealmLimits, call_queues: Vec<CallQueueRule>) -> Self {
        Dealer {
            limits,
            call_queues,
            procedures: UriMap::default(),
            registrations: Slab::default(),
            by_id: HashMap::new(),
            invocations: Slab::default(),
            timeouts: BTreeSet::new(),
            frozen: HashMap::new(),
            kept: KeptCalls::default(),
            queues: Queues::default(),
            is_behind: false,
            callees: 0,
        }
    }

    /// Hands a call to a callee. The caller has no call in flight with this request.
    #[allow(clippy::too_many_arguments, reason = "the realm's parts, borrowed one by one")]
    #[inline]
    pub(crate) fn call<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        now: Instant,
        from: Slot,
        call: &mut Call<'_>,
        route: Route,
        out: &mut O,
    ) -> Result<Placed, Refused> {
        let Some(place) = route.exact.or_else(|| self.best(&call.procedure)) else {
            return Err(Refused::no_such_procedure(&call.procedure));
        };
        let max = self.limits.calls_per_session_max;
        if sessions.sender(from).calls.len() >= max {
            return Err(Refused::resource_exhausted("calls in flight", max));
        }
        let deadline = deadline(now, call.options.timeout_ms);
        let chosen = match call.options.sharding.as_deref() {
            Some(CallSharding { runmode: Some(mode), rkey }) => {
                Some(self.choose_shard(sessions, place, (*mode, rkey.as_deref()), &call.procedure)?)
            }
            // It overtakes nobody: those that wait for the next tick, or for a callee that is away.
            _ if !self.kept.is_empty() && self.registrations[place].queue.is_some() => None,
            _ => self.choose(sessions, ids, place, &[], |_| true),
        };
        let Some(at) = chosen else {
            return self.wait(sessions, from, call, route, place, deadline);
        };
        let way = Way { place, at, attribution: route.attribution, deadline };
        if let Err(NotTaken(features)) = self.start(sessions, from, call, way, &[], out) {
            self.start_elsewhere(sessions, ids, from, call, (way, features), out)?;
        }
        Ok(Placed::Started)
    }

    /// The callee that gets a call, among those that have room, were not tried and take it.
    #[inline]
    fn choose(
        &mut self,
        sessions: &Sessions,
        ids: &mut Ids,
        place: Key,
        tried: &[u64],
        takes: impl Fn(&Callee) -> bool,
    ) -> Option<usize> {
        let has_left = |callee: &Callee| sessions.is_anybody_leaving() && sessions.get(callee.slot).is_none();
        let can_take =
            |callee: &Callee| callee.has_room() && !has_left(callee) && !tried.contains(&callee.number);
        let gets_it = |callee: &Callee| can_take(callee) && takes(callee);
        let registration = &mut self.registrations[place];
        match sessions.is_anybody_away() {
            false => registration.choose(ids, gets_it),
            true => away::choose_there(registration, ids, sessions, gets_it),
        }
    }

    /// Sends the INVOCATION, if the callee takes it.
    #[inline(always)]
    fn start<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        call: &mut Call<'_>,
        way: Way,
        tried: &[u64],
        out: &mut O,
    ) -> Result<(), NotTaken> {
        let Way { place, at, attribution, deadline } = way;
        let registration = &mut self.registrations[place];
        let callee = &registration.callees[at];
        let (to, counted) = (callee.slot, callee.is_limited().then_some(callee.number));
        // Either side can ask; that the role forbids it holds against both.
        let is_asked_for = call.options.disclose_me || callee.disclose_caller;
        let peer = sessions.sender_mut(to);
        let features = peer.session.roles.callee.unwrap_or_default();
        if !is_taken(&call.options, features) {
            return Err(NotTaken(features));
        }
        registration.take(at);
        peer.last_invocation += 1;
        let request = RequestId(peer.last_invocation);
        let can_reroute = features.has(Features::CALL_REROUTE);
        let has_others = registration.callees.len() > 1;
        let key = self.invocations.insert(Invocation {
            state: State::Running,
            caller: from,
            call: call.request,
            callee: to,
            request,
            registration: registration.id,
            place,
            counted,
            can_interrupt: features.has(Features::CALL_CANCELING),
            can_reroute,
            receive_progress: call.options.receive_progress,
            is_open: call.options.progress,
            has_more_parts: false,
            timeout_ms: call.options.timeout_ms,
            deadline,
        });
        peer.invocations.insert(request, key);
        if let Some(deadline) = deadline {
            self.timeouts.insert((deadline, key));
        }
        let caller = sessions.sender_mut(from);
        caller.calls.insert(call.request, key);
        caller.open_calls += u32::from(call.options.progress);
        // What belongs to one callee is no other's.
        let is_anybodys = !call.options.progress && !is_partitioned(&call.options);
        if can_reroute && has_others && is_anybodys {
            self.keep(key, call, attribution, tried);
        }
        let mut details = details(&mut call.options, features);
        details.trustlevel = attribution.trustlevel;
        if attribution.disclose.holds(is_asked_for) {
            let caller = &sessions.sender(from).session;
            (details.caller, details.caller_authid, details.caller_authrole) =
                disclosed(caller, details.forward_for.as_deref(), call.options.disclose_me);
        }
        let registration = &self.registrations[place];
        if registration.policy != MatchPolicy::Exact {
            details.procedure = Some(Cow::Borrowed(&call.procedure));
        }
        if call.options.progress {
            freeze(&mut self.frozen, key, &details);
        }
        let payload = call.payload.borrowed();
        out.send(
            to,
            &message::Invocation { request, registration: registration.id, details, payload }.into(),
        );
        Ok(())
    }

    /// Number of invocations in flight.
    pub(crate) fn invocations_len(&self) -> usize {
        self.invocations.len()
    }

    /// What is kept of calls beside their invocations: details of progressive calls, whole calls, queues, deadlines.
    pub(crate) fn kept_len(&self) -> usize {
        self.frozen.len() + self.kept.len() + self.queues.count() + self.timeouts.len()
    }
}

/// What takes a callee that gets a call in parts: one that cannot be interrupted could not be told that they end.
const TAKES_PARTS: Features = Features::PROGRESSIVE_CALL_INVOCATIONS.and(Features::CALL_CANCELING);

/// Whether a callee with these features can be given a call with these options.
#[inline]
fn is_taken(options: &CallOptions, callee: Features) -> bool {
    (!options.progress || callee.has(TAKES_PARTS))
        && options.passthru.as_ref().is_none_or(|it| passthru::is_announced(it, Some(callee)))
}

/// Why it cannot.
#[cold]
fn not_taken(options: &CallOptions, callee: Features) -> Refused {
    match options.progress && !callee.has(TAKES_PARTS) {
        true => Refused::new(uris::FEATURE_NOT_SUPPORTED, "callee takes no progressive call invocations"),
        false => passthru::not_supported(Kind::Invocation),
    }
}

/// Whether the call is for one callee and no other.
fn is_partitioned(options: &CallOptions) -> bool {
    options.sharding.as_ref().is_some_and(|sharding| sharding.runmode.is_some())
}

/// The details of a call's options, as far as the callee announced that it knows them.
#[inline]
fn details(options: &mut CallOptions, callee: Features) -> InvocationDetails<'static> {
    InvocationDetails {
        timeout_ms: if callee.has(Features::CALL_TIMEOUT) { options.timeout_ms } else { 0 },
        receive_progress: options.receive_progress && callee.has(Features::PROGRESSIVE_CALL_RESULTS),
        progress: options.progress,
        passthru: options.passthru.take(),
        forward_for: options.forward_for.take(),
        transaction_hash: options.transaction_hash.take(),
        ..InvocationDetails::default()
    }
}

#[cold]
fn all_busy(procedure: &str) -> Refused {
    let why = format!("every callee of procedure {procedure:?} has as many calls as it takes at once");
    Refused::new(uris::MAX_CONCURRENCY_REACHED, why)
}
