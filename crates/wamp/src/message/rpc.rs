//! Messages between callers, the dealer and callees.

use std::borrow::Cow;

use super::{ForwardFor, Passthru, Revoked};
use crate::id::{RegistrationId, RequestId, SessionId};
use crate::payload::Payload;
use crate::uri::MatchPolicy;

/// `[CALL, Request|id, Options|dict, Procedure|uri, Arguments|list, ArgumentsKw|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    /// The request.
    pub request: RequestId,
    /// Options.
    pub options: CallOptions,
    /// The procedure.
    pub procedure: Cow<'a, str>,
    /// The payload.
    pub payload: Payload<'a>,
}

/// `CALL.Options`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallOptions {
    /// `timeout` in milliseconds; 0 or absent is none.
    pub timeout_ms: u64,
    /// `receive_progress`: the caller takes progressive results.
    pub receive_progress: bool,
    /// `progress`: more CALLs of the same request follow (progressive call invocations).
    pub progress: bool,
    /// `disclose_me`: tell the callee who calls.
    pub disclose_me: bool,
    /// Which callees of a sharded registration get it. Boxed, as nearly all calls have nothing of it.
    pub sharding: Option<Box<CallSharding>>,
    /// How the payload is packed.
    pub passthru: Option<Box<Passthru>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
    /// `transaction_hash`, passed on.
    pub transaction_hash: Option<Box<str>>,
}

/// Options of calls of sharded registrations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallSharding {
    /// `runmode`: which callees get it; by default one, by the invocation policy.
    pub runmode: Option<RunMode>,
    /// `rkey`: what the call is about, for [`RunMode::Partition`].
    pub rkey: Option<Box<str>>,
}

/// Which callees of a sharded registration get a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// The one that has the resource `rkey`.
    Partition,
    /// All of them. What the caller would get is not specified.
    All,
}

impl RunMode {
    /// The option's value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RunMode::Partition => "partition",
            RunMode::All => "all",
        }
    }

    /// The mode with this name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "partition" => RunMode::Partition,
            "all" => RunMode::All,
            _ => return None,
        })
    }
}

/// What becomes of a cancelled call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CancelMode {
    /// The caller is answered at once, the callee is not told.
    Skip,
    /// The callee is interrupted, the caller waits for its answer.
    Kill,
    /// The callee is interrupted, the caller is answered at once (default).
    #[default]
    KillNoWait,
}

impl CancelMode {
    /// The option's value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            CancelMode::Skip => "skip",
            CancelMode::Kill => "kill",
            CancelMode::KillNoWait => "killnowait",
        }
    }

    /// The mode with this name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "skip" => CancelMode::Skip,
            "kill" => CancelMode::Kill,
            "killnowait" => CancelMode::KillNoWait,
            _ => return None,
        })
    }
}

/// `[CANCEL, CALL.Request|id, Options|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Cancel {
    /// The call.
    pub request: RequestId,
    /// `mode`, if given; the default is [`CancelMode::KillNoWait`].
    pub mode: Option<CancelMode>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
}

/// `[RESULT, CALL.Request|id, Details|dict, YIELD.Arguments|list, YIELD.ArgumentsKw|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Result<'a> {
    /// The call answered.
    pub request: RequestId,
    /// Details.
    pub details: ResultDetails,
    /// The payload.
    pub payload: Payload<'a>,
}

/// `RESULT.Details`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResultDetails {
    /// `progress`: more results follow.
    pub progress: bool,
    /// How the payload is packed.
    pub passthru: Option<Box<Passthru>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
}

/// Who of several callees gets a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InvokePolicy {
    /// Only one callee may register (default).
    #[default]
    Single,
    /// The callee that registered first.
    First,
    /// The callee that registered last.
    Last,
    /// Each in turn.
    RoundRobin,
    /// Any.
    Random,
}

impl InvokePolicy {
    /// The option's value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            InvokePolicy::Single => "single",
            InvokePolicy::First => "first",
            InvokePolicy::Last => "last",
            InvokePolicy::RoundRobin => "roundrobin",
            InvokePolicy::Random => "random",
        }
    }

    /// The policy with this name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "single" => InvokePolicy::Single,
            "first" => InvokePolicy::First,
            "last" => InvokePolicy::Last,
            "roundrobin" => InvokePolicy::RoundRobin,
            "random" => InvokePolicy::Random,
            _ => return None,
        })
    }
}

/// `[REGISTER, Request|id, Options|dict, Procedure|uri]`
#[derive(Clone, Debug, PartialEq)]
pub struct Register<'a> {
    /// The request.
    pub request: RequestId,
    /// Options.
    pub options: RegisterOptions,
    /// A procedure, or a pattern if the options say so.
    pub procedure: Cow<'a, str>,
}

/// `REGISTER.Options`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegisterOptions {
    /// `match`.
    pub match_policy: MatchPolicy,
    /// `invoke`.
    pub invoke: InvokePolicy,
    /// `concurrency`: calls in flight at this callee at most; absent is no bound.
    pub concurrency: Option<u64>,
    /// `nkey`: the node that the callee is, for calls with [`RunMode::Partition`].
    pub nkey: Option<Box<str>>,
    /// `force_reregister`: take the procedure from whoever has it.
    pub force_reregister: bool,
    /// `disclose_caller`: the callee wants to know who calls.
    pub disclose_caller: bool,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
}

/// `[REGISTERED, REGISTER.Request|id, Registration|id]`
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// The request answered.
    pub request: RequestId,
    /// The registration.
    pub registration: RegistrationId,
}

/// `[UNREGISTER, Request|id, REGISTERED.Registration|id]`
#[derive(Clone, Debug, PartialEq)]
pub struct Unregister {
    /// The request.
    pub request: RequestId,
    /// The registration to leave.
    pub registration: RegistrationId,
}

/// `[UNREGISTERED, UNREGISTER.Request|id]`, or `[UNREGISTERED, 0, Details|dict]` where the router revokes.
#[derive(Clone, Debug, PartialEq)]
pub struct Unregistered {
    /// The request answered; 0 when the router revokes.
    pub request: RequestId,
    /// What was revoked.
    pub revoked: Option<Revoked>,
}

/// `[INVOCATION, Request|id, REGISTERED.Registration|id, Details|dict, CALL.Arguments|list, CALL.ArgumentsKw|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Invocation<'a> {
    /// The request, counted by the router per callee session.
    pub request: RequestId,
    /// The registration that matched.
    pub registration: RegistrationId,
    /// Details.
    pub details: InvocationDetails<'a>,
    /// The payload.
    pub payload: Payload<'a>,
}

/// `INVOCATION.Details`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvocationDetails<'a> {
    /// `caller`, if disclosed.
    pub caller: Option<SessionId>,
    /// `caller_authid`, if disclosed.
    pub caller_authid: Option<Cow<'a, str>>,
    /// `caller_authrole`, if disclosed.
    pub caller_authrole: Option<Cow<'a, str>>,
    /// `procedure`, for pattern-based registrations.
    pub procedure: Option<Cow<'a, str>>,
    /// `timeout` in milliseconds, as the caller gave it; 0 is none.
    pub timeout_ms: u64,
    /// `receive_progress`: progressive results are welcome.
    pub receive_progress: bool,
    /// `progress`: more INVOCATIONs of the same request follow.
    pub progress: bool,
    /// `trustlevel`.
    pub trustlevel: Option<u64>,
    /// How the payload is packed.
    pub passthru: Option<Box<Passthru>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
    /// `transaction_hash`.
    pub transaction_hash: Option<Box<str>>,
}

/// `[INTERRUPT, INVOCATION.Request|id, Options|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Interrupt {
    /// The invocation.
    pub request: RequestId,
    /// `mode`.
    pub mode: Option<CancelMode>,
    /// `reason`, a URI.
    pub reason: Option<Cow<'static, str>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
}

/// `[YIELD, INVOCATION.Request|id, Options|dict, Arguments|list, ArgumentsKw|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Yield<'a> {
    /// The invocation answered.
    pub request: RequestId,
    /// Options.
    pub options: YieldOptions,
    /// The payload.
    pub payload: Payload<'a>,
}

/// `YIELD.Options`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct YieldOptions {
    /// `progress`: more results follow.
    pub progress: bool,
    /// How the payload is packed.
    pub passthru: Option<Box<Passthru>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
}

impl Call<'_> {
    pub(super) fn into_owned(self) -> Call<'static> {
        Call {
            request: self.request,
            options: self.options,
            procedure: Cow::Owned(self.procedure.into_owned()),
            payload: self.payload.into_owned(),
        }
    }
}

impl Result<'_> {
    /// The same result with a payload of its own.
    pub fn into_owned(self) -> Result<'static> {
        Result { request: self.request, details: self.details, payload: self.payload.into_owned() }
    }
}

impl Register<'_> {
    pub(super) fn into_owned(self) -> Register<'static> {
        Register {
            request: self.request,
            options: self.options,
            procedure: Cow::Owned(self.procedure.into_owned()),
        }
    }
}

impl Invocation<'_> {
    /// The same invocation with texts and payload of its own.
    pub fn into_owned(self) -> Invocation<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        let details = self.details;
        Invocation {
            request: self.request,
            registration: self.registration,
            details: InvocationDetails {
                caller: details.caller,
                caller_authid: owned(details.caller_authid),
                caller_authrole: owned(details.caller_authrole),
                procedure: owned(details.procedure),
                timeout_ms: details.timeout_ms,
                receive_progress: details.receive_progress,
                progress: details.progress,
                trustlevel: details.trustlevel,
                passthru: details.passthru,
                forward_for: details.forward_for,
                transaction_hash: details.transaction_hash,
            },
            payload: self.payload.into_owned(),
        }
    }
}

impl Yield<'_> {
    pub(super) fn into_owned(self) -> Yield<'static> {
        Yield { request: self.request, options: self.options, payload: self.payload.into_owned() }
    }
}
