//! One WAMP realm as a state machine: what it is told, what it asks its driver to do, and nothing in between.
//!
//! The crate is pure and deterministic: no socket, no clock, no randomness of its own. The same inputs give the same outputs,
//! so a realm can be tested by transcripts, by simulation and against models. Start reading at [`realm`].
//!
//! | look for | in |
//! | --- | --- |
//! | what goes in and comes out | [`boundary`] |
//! | who gets an input, and where ERROR and ABORT are made | [`realm`] |
//! | subscriptions and events | `broker` |
//! | registrations, calls, the life of an invocation | `dealer` |
//! | which pattern matches which URI | `uri_map` |
//! | which node has a resource | `shard` |
//! | roles and permissions | [`authorization`], `permit` |
//! | what an authorizer is asked, and which answers are remembered | `question`, `decisions` |
//! | what is told of a denial | `denial` |
//! | who has sent what came through another router | `forwarding` |
//! | how far senders are trusted | `trust` |
//! | who takes opaque payloads | `passthru` |
//! | `wamp.session.*`, `wamp.subscription.*`, `wamp.registration.*` | `meta` |
//! | what kept options take | `weight` |
//! | every bound | [`limits`] |

pub mod authorization;
pub mod boundary;
pub mod limits;
pub mod realm;
pub mod stats;

mod broker;
mod clock;
mod dealer;
mod decisions;
mod denial;
mod forwarding;
mod ids;
mod meta;
mod passthru;
mod permit;
mod question;
mod refused;
mod session;
mod shard;
mod slab;
mod trust;
mod uri_map;
mod weight;

pub use authorization::{
    Actions, Authorization, BadPermission, Disclose, Disclosure, Judgement, Permission, Permissions, Reason,
    Role,
};
pub use boundary::{
    Action, AuthorizeRequest, Contract, Decision, Denial, Flow, Input, Outbox, Presence, Publisher,
    QuestionId, Record, Recorded, RetainedBound, Session, Slot, Undelivered, Whom,
};
pub use decisions::DecisionFilter;
pub use limits::{CallQueueRule, HistoryRule, MetaApi, RealmLimits, RealmOptions};
pub use meta::{META_TOPICS, meta_procedures};
pub use realm::Realm;
pub use stats::Stats;
pub use trust::TrustRule;
