//! Payload passthru is for those who announced it. Specification: "Payload Passthru Mode".
//!
//! That holds for the specification's form (`ppt_scheme`). Who speaks the older one (`enc_algo`) does not say so by one name, and it
//! goes through to everybody, as it always did.

use crossweave_wamp::features::Features;
use crossweave_wamp::message::{Kind, Passthru};
use crossweave_wamp::{Message, ProtocolViolation, uris};

use crate::refused::Refused;
use crate::session::Peer;

/// Whether a message in this form may be of, or for, somebody with these features.
#[cold]
pub(crate) fn is_announced(passthru: &Passthru, features: Option<Features>) -> bool {
    passthru.ppt_scheme.as_deref().is_none_or(str::is_empty)
        || features.unwrap_or_default().has(Features::PAYLOAD_PASSTHRU_MODE)
}

/// Whether a session may send this message so.
#[cold]
#[inline(never)]
pub(crate) fn check(sender: &Peer, message: &Message<'_>) -> Result<(), ProtocolViolation> {
    let roles = &sender.session.roles;
    let (passthru, features, role) = match message {
        Message::Publish(it) => (&it.options.passthru, roles.publisher, "publisher"),
        Message::Call(it) => (&it.options.passthru, roles.caller, "caller"),
        Message::Yield(it) => (&it.options.passthru, roles.callee, "callee"),
        _ => return Ok(()),
    };
    match passthru {
        Some(passthru) if !is_announced(passthru, features) => {
            let kind = message.kind().name();
            let why = format!("{kind} with ppt_scheme: the {role} did not announce payload_passthru_mode");
            Err(ProtocolViolation::new(why))
        }
        _ => Ok(()),
    }
}

/// The call cannot go on: the other side would not know what to do with the payload. `kind` is what it would get.
#[cold]
pub(crate) fn not_supported(kind: Kind) -> Refused {
    let why = match kind {
        Kind::Invocation => "callee takes no payload passthru (ppt_scheme)",
        _ => "the result has ppt_scheme, and its caller did not announce payload_passthru_mode",
    };
    Refused::new(uris::FEATURE_NOT_SUPPORTED, why)
}
