//! From bytes to a [`Message`].
//!
//! A message is read once, from left to right: every element is checked when it is its turn, and what follows the last one
//! is a violation ("No Polymorphism": type and number of elements are fixed).

mod fields;
mod option;
mod pubsub;
mod rpc;

use fields::Fields;
use option::Opt;

use super::*;
use crate::id::{PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};
use crate::serializer::{Format, flatbuffers, with_format};

type Decoded<T> = std::result::Result<T, ProtocolViolation>;

// Inlined, everything generic behind it would be compiled again in each crate that decodes: a megabyte of the program.
#[inline(never)]
pub(super) fn message(serializer: Serializer, bytes: &[u8]) -> Decoded<Message<'_>> {
    use crate::serializer::{cbor::Cbor, json::Json, msgpack::MsgPack};
    match serializer {
        Serializer::Json => of_format::<Json>(bytes),
        Serializer::MsgPack => of_format::<MsgPack>(bytes),
        Serializer::Cbor => of_format::<Cbor>(bytes),
        Serializer::Ubjson | Serializer::BjData => in_any_form(serializer, bytes),
        Serializer::FlatBuffers => flatbuffers::decode(bytes),
    }
}

/// The message in a format that has several forms, of which not all can be read in place.
#[inline(never)]
fn in_any_form(serializer: Serializer, bytes: &[u8]) -> Decoded<Message<'_>> {
    with_format!(serializer, F => match of_format::<F>(bytes) {
        Ok(message) => Ok(message),
        Err(violation) => match F::spelled_out(bytes) {
            Some(plain) => of_format::<F>(&plain).map(Message::into_owned),
            None => Err(violation),
        },
    })
}

fn of_format<F: Format>(bytes: &[u8]) -> Decoded<Message<'_>> {
    let mut fields = Fields::<F>::open(bytes)?;
    match fields.kind() {
        Kind::Publish => pubsub::publish(&mut fields),
        Kind::Event => pubsub::event(&mut fields),
        Kind::Call => rpc::call(&mut fields),
        Kind::Invocation => rpc::invocation(&mut fields),
        Kind::Yield => rpc::yield_(&mut fields),
        Kind::Result => rpc::result(&mut fields),
        Kind::Error => error(&mut fields),
        Kind::Subscribe => pubsub::subscribe(&mut fields),
        Kind::Register => rpc::register(&mut fields),
        Kind::Cancel => rpc::cancel(&mut fields),
        Kind::Interrupt => rpc::interrupt(&mut fields),
        Kind::Unsubscribed | Kind::Unregistered => revocable(&mut fields),
        Kind::Hello | Kind::Welcome | Kind::Abort | Kind::Challenge | Kind::Authenticate | Kind::Goodbye => {
            session(&mut fields)
        }
        _ => of_ids(&mut fields),
    }
}

/// The messages that consist of ids.
fn of_ids<F: Format>(fields: &mut Fields<'_, F>) -> Decoded<Message<'static>> {
    if fields.kind() == Kind::EventReceived {
        let publication = PublicationId(fields.id("publication")?);
        fields.end()?;
        return Ok(EventReceived { publication }.into());
    }
    let request = fields.request()?;
    let (kind, name) = match fields.kind() {
        kind @ Kind::Published => (kind, "publication"),
        kind @ (Kind::Subscribed | Kind::Unsubscribe) => (kind, "subscription"),
        kind => (kind, "registration"),
    };
    let id = fields.id(name)?;
    fields.end()?;
    Ok(match kind {
        Kind::Published => Published { request, publication: PublicationId(id) }.into(),
        Kind::Subscribed => Subscribed { request, subscription: SubscriptionId(id) }.into(),
        Kind::Unsubscribe => Unsubscribe { request, subscription: SubscriptionId(id) }.into(),
        Kind::Registered => Registered { request, registration: RegistrationId(id) }.into(),
        _ => Unregister { request, registration: RegistrationId(id) }.into(),
    })
}

/// The messages that open and close a session.
fn session<F: Format>(fields: &mut Fields<'_, F>) -> Decoded<Message<'static>> {
    let message = match fields.kind() {
        Kind::Hello => {
            Hello { realm: fields.text_or_null("realm")?, details: fields.dict("details")? }.into()
        }
        Kind::Welcome => {
            Welcome { session: SessionId(fields.id("session")?), details: fields.dict("details")? }.into()
        }
        Kind::Challenge => {
            Challenge { method: fields.owned_text("method")?, extra: fields.dict("extra")? }.into()
        }
        Kind::Authenticate => {
            Authenticate { signature: fields.secret("signature")?, extra: fields.dict("extra")? }.into()
        }
        Kind::Abort => {
            Abort { details: fields.dict("details")?, reason: fields.owned_text("reason")? }.into()
        }
        _ => Goodbye { details: fields.dict("details")?, reason: fields.owned_text("reason")? }.into(),
    };
    fields.end()?;
    Ok(message)
}

fn error<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    let code = fields.id("request type")?;
    let Some(request_kind) = Kind::from_code(code).filter(|kind| kind.is_request()) else {
        return Err(ProtocolViolation::new(format!("ERROR for type {code}, which is no request")));
    };
    let request = RequestId(fields.id("request")?);
    let mut details = ErrorDetails::default();
    fields.options("Details", |detail| {
        match &*detail.key {
            "forward_for" => details.forward_for = detail.forward_for()?,
            _ => detail.passthru(&mut details.passthru)?,
        }
        Ok(())
    })?;
    let error = fields.text("error")?;
    let payload = fields.payload(details.passthru.as_deref())?;
    Ok(Message::Error(Error { request_kind, request, details, error, payload }))
}

/// UNSUBSCRIBED and UNREGISTERED, which a router also sends of its own accord.
fn revocable<F: Format>(fields: &mut Fields<'_, F>) -> Decoded<Message<'static>> {
    let kind = fields.kind();
    let request = fields.request()?;
    let name = if kind == Kind::Unsubscribed { "subscription" } else { "registration" };
    let mut revoked = None;
    if fields.has_more()? {
        let revoked = revoked.insert(Revoked { id: 0, reason: None });
        fields.options_here("Details", |detail| {
            match &*detail.key {
                key if key == name => revoked.id = detail.id()?,
                "reason" => revoked.reason = Some(detail.text()?.into_owned()),
                _ => {}
            }
            Ok(())
        })?;
        fields.end()?;
    }
    Ok(match kind {
        Kind::Unsubscribed => Unsubscribed { request, revoked }.into(),
        _ => Unregistered { request, revoked }.into(),
    })
}
