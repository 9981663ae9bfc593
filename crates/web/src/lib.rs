//! HTTP services of a node: those that a configuration puts at paths; the start page, its HTTP bridge and the demo component that
//! makes something move on a node nobody has configured yet.
//!
//! | look for | in |
//! | --- | --- |
//! | which path is answered by which service | [`Site`] |
//! | what a service is | [`WebService`] |
//! | files | [`Files`] |
//! | a value, another place, the state of the node | [`Json`], [`Redirect`], [`NodeInfo`] |
//! | Crossbar.io's REST bridge | [`Publisher`], [`Caller`], [`Webhook`] |
//! | WAMP for clients that have nothing but HTTP requests | [`LongPoll`] |
//! | what pages of other origins are told | `cors` |
//! | the start page | [`StartPage`]; its files are `assets`, their sources in `page/` |
//! | `POST /publish` and `POST /call` of the start page | `bridge` |
//! | who may use these from a browser | `bridge::origin` |
//! | the clock, `com.example.add2`, `crossweave.sessions` | [`run_demo`] |
//!
//! # The HTTP bridge of the start page
//!
//! Bodies are those of Crossbar.io's bridge. JSON carries binary as WAMP does: a string of `\0` and base64.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /publish` `{"topic", "args"?, "kwargs"?, "options"?}` | `{"id": publication}` |
//! | `POST /call` `{"procedure", "args"?, "kwargs"?, "options"?: {"timeout": ms}}` | `{"args": [...], "kwargs": {...}}` |
//!
//! Errors are `{"error": uri, "args": [...], "kwargs": {...}}`. Unlike there, the status tells the truth as well:
//!
//! | status | when |
//! | --- | --- |
//! | 400 | the body, a URI, an option or an argument is wrong |
//! | 403 | the role may not do that, or the request comes from a page of another origin |
//! | 404 | nobody registered the procedure |
//! | 405 | another method than POST |
//! | 413 | the body, or the payload for its receiver, is too long |
//! | 415 | the body is not `application/json` |
//! | 502 | any other error that a callee answers |
//! | 503 | no callee is free, too many calls are under way, or the realm is down |
//! | 504 | no result within the timeout |

mod assets;
mod bridge;
mod cors;
mod demo;
mod files;
mod json;
mod longpoll;
mod node_info;
mod not_built;
mod plain;
mod redirect;
mod reply;
mod rest;
mod seldom;
mod service;
mod site;
mod start_page;

pub use bridge::{BODY_LEN_MAX, CALL_TIMEOUT_DEFAULT, CALL_TIMEOUT_MAX, CALLS_MAX, KWARGS_MAX};
pub use demo::{ADD2, CLOCK, DemoError, SESSIONS, SESSIONS_LISTED_MAX, run_demo};
pub use files::{ENTRIES_MAX, Files, FilesError, FilesOptions};
pub use json::{Json, JsonOptions};
pub use longpoll::{LongPoll, LongPollOptions};
pub use node_info::{NodeInfo, NodeStatus};
pub use not_built::{NotBuilt, Nothing};
pub use redirect::{BadUrl, Redirect};
pub use rest::{
    Caller, Publisher, REMEMBERED_MAX, Remembered, RestOptions, RestOptionsError, SigningKey, Webhook,
    WebhookOptions,
};
pub use service::{Exchange, WebService};
pub use site::{Site, SiteError, SiteOptions};
pub use start_page::{StartPage, StartPageOptions};
