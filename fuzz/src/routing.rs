//! A realm and four sessions, whose messages are the lines of the input.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crossweave_router_core::{AuthorizeRequest, Input, Outbox, QuestionId, Realm, RealmOptions, Role, Session, Slot};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::Welcome;
use crossweave_wamp::{Dict, Message, Serializer};

const SLOTS: usize = 4;

/// Who is attached, as the driver knows it, and which slots the realm still uses.
#[derive(Default)]
struct Attached([bool; SLOTS], BTreeSet<Slot>);

impl Outbox for Attached {
    fn send(&mut self, to: Slot, message: &Message<'_>) {
        assert!(self.0[to.0 as usize], "a message for a session that is gone: {message:?}");
        let bytes = message.to_bytes(Serializer::MsgPack);
        Message::decode(Serializer::MsgPack, &bytes).expect("what a realm sends is a message");
    }

    fn multicast(&mut self, to: impl Iterator<Item = Slot>, event: &Message<'_>) {
        to.for_each(|slot| self.send(slot, event));
    }

    fn ask(&mut self, _: QuestionId, _: AuthorizeRequest) {}

    fn resume(&mut self, _: Slot) {}

    fn detach(&mut self, slot: Slot, _: Option<&'static str>) {
        assert!(std::mem::take(&mut self.0[slot.0 as usize]), "detached twice");
    }

    fn free(&mut self, slot: Slot) {
        assert!(self.1.remove(&slot), "free twice, or never taken");
    }
}

/// Each line is one step: a digit says which session, the rest is its message in JSON. A session that is gone joins again;
/// an empty message leaves; `+` lets time pass.
pub fn realm(data: &[u8]) {
    let mut realm = Realm::new("realm1", RealmOptions::default(), [7; 32]);
    realm.set_role(Role::allow_all("anonymous"));
    let mut attached = Attached::default();
    let mut now = Instant::now();
    for line in data.split(|byte| *byte == b'\n').take(256) {
        let Some((first, rest)) = line.split_first() else { continue };
        if *first == b'+' {
            now += Duration::from_millis(rest.len() as u64);
            let _ = realm.handle(now, Input::Tick, &mut attached);
            continue;
        }
        let slot = Slot(u32::from(*first) % SLOTS as u32);
        if !attached.0[slot.0 as usize] {
            join(&mut realm, now, slot, &mut attached);
        }
        let mut message = Message::decode(Serializer::Json, rest);
        let input = match &mut message {
            _ if rest.is_empty() => {
                attached.0[slot.0 as usize] = false;
                Input::Leave(slot)
            }
            Ok(message) => Input::Message(slot, message),
            Err(violation) => Input::Violation(slot, violation.clone()),
        };
        let _ = realm.handle(now, input, &mut attached);
    }
    for slot in (0..SLOTS as u32).map(Slot) {
        attached.0[slot.0 as usize] = false;
        let _ = realm.handle(now, Input::Leave(slot), &mut attached);
    }
    assert_eq!(realm.session_count() + realm.subscription_count() + realm.registration_count(), 0);
    assert_eq!((realm.invocation_count(), attached.1.len()), (0, 0));
}

fn join(realm: &mut Realm, now: Instant, slot: Slot, attached: &mut Attached) {
    attached.0[slot.0 as usize] = true;
    assert!(attached.1.insert(slot), "too few lines for a session that leaves in portions");
    let session = Session {
        id: realm.new_session_id(),
        authid: "alice".into(),
        authrole: "anonymous".into(),
        authmethod: "anonymous".into(),
        authprovider: "static".into(),
        roles: Roles::client(),
        authextra: Dict::new(),
        transport: Dict::new(),
    };
    let welcome = Welcome { session: session.id, details: Dict::new() };
    let _ = realm.handle(now, Input::Join(slot, Box::new(session), Box::new(welcome)), attached);
}
