//! An async WAMP client: calls, events and procedures over one connection that comes back when it is lost.
//!
//! ```no_run
//! use crossweave_client::Client;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("ws://127.0.0.1:8080/ws", "realm1").await?;
//!
//! let add2 = client.register("com.example.hello.add2", |(a, b): (i64, i64)| async move { Ok(a + b) }).await?;
//! let sum: i64 = client.call_with("com.example.hello.add2", (2, 3)).await?;
//! assert_eq!(sum, 5);
//!
//! let mut weather = client.subscribe("com.example.weather").await?;
//! client.publish("com.example.weather", ("oslo", -3.5)).include_me().await?;
//! if let Some(event) = weather.next().await {
//!     let (city, degrees): (String, f64) = event?.parse()?;
//!     println!("{city}: {degrees}");
//! }
//! drop(add2);
//! client.leave().await;
//! # Ok(()) }
//! ```
//!
//! # What to expect
//!
//! - **Typed or dynamic.** Arguments are Rust values through serde ([`Client::call_with`], [`Event::parse`]) or
//!   [`Value`]s ([`Call::arg`], [`Event::args`]), and both can be mixed. Typed values go through MessagePack (`rmp-serde`),
//!   which is a WAMP serializer: in a session that speaks it, what serde writes is what travels.
//! - **Dropping is cancelling.** A dropped call sends CANCEL, a dropped [`Subscription`] UNSUBSCRIBE, a dropped
//!   [`Registration`] UNREGISTER, the last dropped [`Client`] GOODBYE. A handler whose call is cancelled is dropped.
//! - **Lost connections** are made again with back-off ([`Reconnect`]). What is subscribed and registered is so again; calls
//!   that were pending fail with [`CallError::Disconnected`] and are not repeated, since they may have been carried out.
//!   [`Client::states`] tells. With [`Options::resume`], and a router that lets sessions be resumed, the session itself goes on:
//!   calls keep waiting, handlers keep running, and each event and call comes once; [`Session::missed`] says how many events
//!   the router no longer had.
//! - **Revoked** subscriptions and registrations are over: their stream ends, their handler is called no more, and
//!   [`Subscription::withdrawn`] and [`Registration::withdrawn`] say why.
//! - **Order.** What one task sends is sent in that order; events of a subscription arrive in the order the router sent
//!   them; handlers are started in the order of their calls.
//! - **Bounds.** What the application does not read is bounded in number and octets ([`limits`]): a subscription drops its
//!   oldest events and says how many ([`Lagged`]), a stream of progressive results is cancelled. The connection itself
//!   never waits for the application, so one slow reader does not hold up the others. What the router does not read makes
//!   publishing and calling wait.
//!
//! # Where to look
//!
//! | for | see |
//! | --- | --- |
//! | options, authentication, reconnecting | [`Options`], [`Auth`], [`Reconnect`] |
//! | calling, progressive results | [`Client::call`], [`Call`], [`CallStream`] |
//! | events | [`Client::subscribe`], [`Subscription`], [`Event`], [`Client::publish`], [`Publish`] |
//! | procedures | [`Client::register`], [`Client::register_dynamic`], [`Register`], [`Invocation`], [`WampError`] |
//! | what can go wrong | [`error`] |

mod arguments;
mod auth;
mod call;
mod cancel;
mod client;
mod content;
mod core;
mod driver;
pub mod error;
mod event;
mod handler;
mod inbox;
mod invocation;
mod join;
mod life;
pub mod limits;
mod options;
mod outbox;
mod pipe;
mod publish;
mod queue;
mod reconnect;
mod register;
mod reply;
mod request;
mod resume;
mod session;
mod shared;
mod state;
mod subscribe;
mod typed;
mod wire;
mod withdrawn;

pub use arguments::Arguments;
pub use auth::{Answers, Auth, ChallengeError, Secret};
pub use call::{Call, CallStream};
pub use cancel::CancelToken;
pub use client::Client;
pub use content::Content;
pub use crossweave_auth::cryptosign::{PrivateKey, PublicKey};
pub use error::{
    CallError, ConnectError, DecodeError, Disconnected, EncodeError, JoinError, RequestError, WampError,
};
pub use event::Event;
pub use inbox::{Inbox, Listener, Listening};
pub use invocation::Invocation;
pub use options::{Keepalive, Options};
pub use pipe::{Pipe, PipeReader, PipeWriter, Piped};
pub use publish::Publish;
pub use reconnect::{Backoff, Reconnect};
pub use register::{Register, Registration};
pub use reply::Reply;
pub use resume::Resume;
pub use session::Session;
pub use state::State;
pub use subscribe::{Lagged, Subscribe, Subscription};
pub use withdrawn::Withdrawn;

pub use crossweave_wamp::message::{CancelMode, ForwardFor, InvokePolicy, Passthru, RunMode};
pub use crossweave_wamp::{ConflationKey, Delivery, OnSlow};
pub use crossweave_wamp::{Dict, MatchPolicy, PublicationId, Serializer, SessionId, Value, uris};
