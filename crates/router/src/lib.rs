//! The tokio driver around [`crossweave_router_core`]: a WAMP router that other programs can embed.
//!
//! ```no_run
//! use crossweave_router::{
//!     AdmissionOptions, RawSocketOptions, RealmDefinition, Role, Router, TransportOptions, WebSocketOptions,
//! };
//! use crossweave_transport::ListenEndpoint;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new(AdmissionOptions::default());
//! let roles = vec![Role::allow_all("anonymous")];
//! router.start_realm("realm1", RealmDefinition { roles, ..RealmDefinition::default() })?;
//! let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 8080));
//! transport.rawsocket = Some(RawSocketOptions::default());
//! transport.websocket.insert("/ws".into(), WebSocketOptions::default());
//! println!("listening on {}", router.listen(transport).await?);
//! # Ok(())
//! # }
//! ```
//!
//! | look for | in |
//! | --- | --- |
//! | realms and transports of a router, its end | [`Router`] |
//! | what a router and a transport are told to do | `options` |
//! | transports that come and go | `transports` |
//! | who may connect before anyone has authenticated | `admission` |
//! | few log lines about what peers can cause as often as they like | `quota` |
//! | TLS, telling protocols apart, handshakes | `accept` |
//! | answers to plain HTTP requests, and their bounds | [`http`] |
//! | what connections that are being opened may take of the runtime | `accept::turns` |
//! | one connection's task: opening, reading, writing, closing | `connection` |
//! | by which methods clients prove who they are | `methods`, `authenticator`, `login` |
//! | who a HELLO comes from | `authenticate` |
//! | cookies that remember who a browser is | `cookies` |
//! | realms by name, that come and go | `realms` |
//! | realms and roles that start when somebody needs them | [`RealmProvider`], `provision` |
//! | sessions that go on to another router | [`Upstream`], `connection::forwarding` |
//! | the realm behind its lock, its clock, panics in it | `realm` |
//! | roles that ask: a program, or a procedure | [`Authorizer`], `authorizer` |
//! | events that survive a restart | `history` |
//! | clients whose messages another part of the program passes on | `relay` |
//! | calls that the router itself makes | `internal` |
//! | encoding and queueing what the realm asks for | `dispatch` |
//! | a session as others see it; its bounded queue | `peer`, `queue` |
//! | sessions that outlive their connection | `resumption`, `realm::parking`, `connection::resuming` |
//! | threads that wait awake for the next message, if that pays | `runtime` |
//! | memory that goes back to the system | `memory` |
//! | messages, counted by type | `traffic` |
//! | a log line for each message, at level trace | `trace` |
//! | following messages while the router runs | [`Tap`], `tap` |
//! | which URIs are used most | [`HotUris`], `hot` |

mod accept;
mod admission;
mod authenticate;
mod authenticator;
mod authorizer;
mod connection;
mod cookies;
mod dispatch;
mod history;
mod hot;
pub mod http;
mod internal;
mod login;
mod memory;
mod methods;
mod options;
mod peer;
mod provision;
mod queue;
mod quota;
mod realm;
mod realms;
mod relay;
mod resumption;
mod router;
mod runtime;
mod shelf;
mod tap;
mod trace;
mod traffic;
mod transports;
mod upstream;

pub use admission::Refused;
pub use authenticator::{
    Answer, Asked, AuthenticateRequest, Authenticator, Credential, Granted, NotGranted, Procedure,
};
pub use authorizer::Authorizer;
pub use cookies::{CookieOptions, CookieShelf, CookieStore, CookieStoreError, KeptCookie, NamedShelf};
pub use crossweave_auth::Secret;
pub use crossweave_router_core::boundary::{Action, AuthorizeRequest, Decision, Session};
pub use crossweave_router_core::{DecisionFilter, RealmOptions, Role};
pub use history::{EventShelf, HistoryStore, HistoryStoreError, KeptEvent, NamedEventShelf};
pub use hot::{HOT_URIS_LEASE, HOT_URIS_MAX, HOT_URIS_TOLD_MAX, HotUri, HotUriKind, HotUris};
pub use http::{HttpPeer, HttpService};
pub use login::{CHALLENGES_MAX, Login, LoginMethod, LoginNext, LoginStep};
pub use memory::{give_back_memory, give_back_start};
pub use methods::{Anonymous, Authentication, Directory, Fingerprint, Methods, Own, Principal, Source};
pub use options::{AdmissionOptions, RawSocketOptions, TransportOptions, WebSocketOptions};
pub use provision::{
    ACTIVATION_DEADLINE, ACTIVATIONS_MAX, Activating, Activation, HoldsFor, Missing, NotActivated,
    REALM_NAME_LEN_MAX, RealmProvider, WAITERS_MAX, WAITERS_PER_REALM_MAX,
};
pub use queue::{EVENT_LEN_MAX, LONG_MESSAGES_MAX, OnSlow, QueueOptions, RESERVED_LANE_BYTES};
pub use realm::status::RealmStats;
pub use realms::RealmError;
pub use relay::Relayed;
pub use resumption::{FRAME_COST_BYTES, ResumptionOptions};
pub use router::{RealmDefinition, Router, SessionQueue, StartError};
pub use runtime::runtime;
pub use shelf::Named;
pub use tap::{
    Direction, TAPPED_MAX, TAPPED_PAYLOAD_BYTES_MAX, TAPPED_PAYLOAD_LEN_MAX, TAPS_MAX, Tap, TapOptions,
    Tapped, TooManyTaps,
};
pub use traffic::MessageCounts;
pub use transports::{Listening, NoSuchTransport, TransportId, TransportState, TransportStatus};
pub use upstream::{
    ASKING_PROVIDER, Answering, Forwarded, Forwarding, NotAnswered, NotForwarded, Question, Upstream,
    UpstreamSession,
};
