//! `wamp.session.add_testament` and `flush_testaments`: events that are published when a session leaves, in whatever way.
//! Specification: "Testament".
//!
//! A session leaves for good when its transport is gone, or when it has not come back in time if it is resumable. Both scopes are
//! published then, `detached` before `destroyed`.

use crossweave_wamp::message::Publish;
use crossweave_wamp::{Message, PublicationId, Serializer, Value, uris};

use super::arguments::{Arguments, invalid};
use crate::authorization::Disclose;
use crate::boundary::Slot;
use crate::limits::RealmLimits;
use crate::realm::Realm;
use crate::refused::Refused;

/// What a session leaves behind, in the order it said so.
#[derive(Debug, Default)]
pub(crate) struct Testaments {
    detached: Vec<Testament>,
    destroyed: Vec<Testament>,
    bytes: usize,
}

/// One event to be published.
#[derive(Debug)]
pub(crate) struct Testament {
    pub(crate) publication: PublicationId,
    pub(crate) publish: Publish<'static>,
    /// What the permission says of disclosing the publisher.
    pub(crate) disclose: Disclose,
    bytes: usize,
}

/// When a testament is published.
#[derive(Clone, Copy, Debug)]
enum Scope {
    Detached,
    Destroyed,
}

impl Testaments {
    fn of(&mut self, scope: Scope) -> &mut Vec<Testament> {
        match scope {
            Scope::Detached => &mut self.detached,
            Scope::Destroyed => &mut self.destroyed,
        }
    }

    fn add(&mut self, scope: Scope, testament: Testament, limits: &RealmLimits) -> Result<(), Refused> {
        if self.detached.len() + self.destroyed.len() >= limits.testaments_per_session_max {
            return Err(Refused::resource_exhausted("testaments", limits.testaments_per_session_max));
        }
        if self.bytes + testament.bytes > limits.testament_bytes_per_session_max {
            let max = limits.testament_bytes_per_session_max;
            return Err(Refused::resource_exhausted("bytes of testaments", max));
        }
        self.bytes += testament.bytes;
        self.of(scope).push(testament);
        Ok(())
    }

    fn flush(&mut self, scope: Scope) -> usize {
        let flushed = std::mem::take(self.of(scope));
        self.bytes -= flushed.iter().map(|it| it.bytes).sum::<usize>();
        flushed.len()
    }

    /// All of them in the order to publish them.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Testament> {
        self.detached.into_iter().chain(self.destroyed)
    }
}

/// Adds a testament, and gives the id that its publication will have.
pub(super) fn add(
    realm: &mut Realm,
    caller: Slot,
    arguments: &Arguments,
    disclose: Disclose,
) -> Result<Value, Refused> {
    let scope = scope(arguments, 4)?;
    let (publish, bytes) = publish(arguments)?;
    let publication = realm.new_publication_id();
    let testament = Testament { publication, publish, disclose, bytes };
    let testaments = realm.sessions.sender_mut(caller).testaments.get_or_insert_default();
    testaments.add(scope, testament, &realm.options.limits)?;
    Ok(publication.0.into())
}

/// Drops the testaments of a scope, and says how many there were.
pub(super) fn flush(realm: &mut Realm, caller: Slot, arguments: &Arguments) -> Result<Value, Refused> {
    let scope = scope(arguments, 0)?;
    let testaments = realm.sessions.sender_mut(caller).testaments.as_mut();
    Ok(testaments.map_or(0, |testaments| testaments.flush(scope)).into())
}

fn scope(arguments: &Arguments, at: usize) -> Result<Scope, Refused> {
    match arguments.optional_text(at, "scope")? {
        None | Some("destroyed") => Ok(Scope::Destroyed),
        Some("detached") => Ok(Scope::Detached),
        Some(other) => {
            Err(invalid(format!("scope must be \"destroyed\" or \"detached\", not {:?}", clip(other))))
        }
    }
}

/// The start of a text, for a message about it.
fn clip(text: &str) -> &str {
    let end = text.char_indices().nth(32).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// The PUBLISH that the arguments describe, checked like one that a session sends, and its length in bytes.
fn publish(arguments: &Arguments) -> Result<(Publish<'static>, usize), Refused> {
    let topic = arguments.text(0, "topic")?;
    let args = match arguments.get(1, "args") {
        None => Vec::new(),
        Some(Value::List(args)) => args.clone(),
        Some(_) => return Err(invalid("args must be a list".into())),
    };
    let kwargs = arguments.optional_dict(2, "kwargs")?.cloned().unwrap_or_default();
    let options = arguments.optional_dict(3, "publish_options")?.cloned().unwrap_or_default();
    let mut message = vec![16.into(), 1.into(), Value::Dict(options), topic.into()];
    if !args.is_empty() || !kwargs.is_empty() {
        message.push(Value::List(args));
    }
    if !kwargs.is_empty() {
        message.push(Value::Dict(kwargs));
    }
    let mut bytes = Vec::new();
    Serializer::MsgPack.encode_value(&Value::List(message), &mut bytes);
    match Message::decode(Serializer::MsgPack, &bytes) {
        Ok(Message::Publish(publish)) => match Message::Publish(publish).into_owned() {
            Message::Publish(publish) => Ok((publish, bytes.len())),
            _ => unreachable!("an owned PUBLISH is a PUBLISH"),
        },
        Ok(_) => unreachable!("the message has the code of PUBLISH"),
        Err(violation) => Err(Refused::new(uris::INVALID_ARGUMENT, violation.message().to_owned())),
    }
}

/// The PUBLISH of a testament to be added.
pub(super) fn publication(arguments: &Arguments) -> Result<Publish<'static>, Refused> {
    publish(arguments).map(|(publish, _)| publish)
}
