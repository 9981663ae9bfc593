//! A queue that is full up to the low water, and what comes out of it afterwards.

use crossweave_transport::codec::Framing;
use crossweave_wamp::message::{Event, EventDetails};
use crossweave_wamp::{Batching, ConflationKey, Delivery, Dict, Payload, PublicationId, Serializer};

use super::*;
use crate::queue::OnSlow as TransportOnSlow;

const X: SubscriptionId = SubscriptionId(7);
const Y: SubscriptionId = SubscriptionId(8);

/// Subscription, argument, `_lost`.
type Got = (u64, u64, u64);

struct Session {
    queue: Queue,
    shape: Shape,
    options: QueueOptions,
}

fn wire(serializer: Serializer, batching: Batching) -> Wire {
    Wire { serializer, framing: Framing::RawSocket, batching }
}

impl Session {
    fn new() -> Self {
        let options = QueueOptions { bytes_max: 1 << 20, on_slow: TransportOnSlow::DropNew };
        let wire = wire(Serializer::Json, Batching::Single);
        Session { queue: Queue::default(), shape: Shape { wire, message_len_max: 10_000 }, options }
    }

    /// One whose queue is at the low water, with what is no event.
    fn slow() -> Self {
        let mut session = Session::new();
        session.fill();
        session
    }

    fn fill(&mut self) {
        let filler = Message::from(event(SubscriptionId(0), 0, LOW_WATER_BYTES));
        let mut buffer = Vec::new();
        let framed = self.shape.wire.append(&filler, &mut buffer);
        self.queue.append(framed.of(&buffer), Lane::Control, &self.options);
    }

    fn offer(&mut self, contract: &Contract, (subscription, number): (SubscriptionId, u64)) -> Appended {
        self.offer_long(contract, (subscription, number), 0)
    }

    fn offer_long(
        &mut self,
        contract: &Contract,
        (subscription, number): (SubscriptionId, u64),
        len: usize,
    ) -> Appended {
        let event = event(subscription, number, len);
        let key: Option<Arc<[u8]>> = match &contract.delivery.key {
            _ if contract.delivery.on_slow != OnSlow::Conflate => None,
            ConflationKey::Topic => Some(b"topic".as_slice().into()),
            key => event.payload.conflation_key(key).map(Into::into),
        };
        let mut buffer = Vec::new();
        let framed = self.shape.wire.append(&event.into(), &mut buffer);
        let (body_len, framed) = (framed.body_len(), framed.shared(buffer));
        let offer = Offer { subscription, contract, framed: &framed, body_len, key: key.as_ref() };
        self.queue.offer(&offer, self.shape, &self.options)
    }

    fn offer_all(&mut self, contract: &Contract, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            self.offer(contract, (X, number));
        }
    }

    /// Writes at most so many bytes, whole or not.
    fn write(&mut self, len: usize, out: &mut Vec<u8>) {
        let waiting = self.queue.unwritten();
        let len = len.min(waiting.len());
        out.extend_from_slice(&waiting[..len]);
        self.queue.advance(len);
    }

    fn drain(&mut self) -> Vec<Got> {
        let mut out = Vec::new();
        self.queue.begin_flush();
        while self.queue.len() > 0 {
            self.write(usize::MAX, &mut out);
        }
        read(&out)
    }

    /// What waits beside the queue, with its bounds.
    fn waiting(&self) -> usize {
        self.queue.backlog.as_ref().map_or(0, |backlog| {
            let lines = backlog.lines.values();
            let waiting = lines.clone().map(|line| line.waiting.len()).sum();
            let bytes: usize = lines.flat_map(|line| &line.waiting).map(Waiting::cost).sum();
            assert_eq!(backlog.bytes, bytes);
            let with_events = backlog.lines.values().filter(|line| !line.waiting.is_empty()).count();
            assert_eq!(backlog.turns.len(), with_events);
            waiting
        })
    }
}

fn event(subscription: SubscriptionId, number: u64, len: usize) -> Event<'static> {
    let kwargs = Dict::new().with("mod", number % 3).with("filler", ".".repeat(len));
    let payload = Payload::new(Serializer::MsgPack, &[number.into()], &kwargs);
    let details = EventDetails { topic: Some("com.x".into()), ..EventDetails::default() };
    Event { subscription, publication: PublicationId(number), details, payload }
}

/// The events on a RawSocket wire of JSON, without the fillers.
fn read(mut bytes: &[u8]) -> Vec<Got> {
    let mut events = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk() {
        let (body, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        bytes = rest;
        let Ok(Message::Event(event)) = Message::decode(Serializer::Json, body) else { panic!("no event") };
        let number = event.payload.args()[0].as_u64().unwrap();
        events.push((event.subscription.0, number, event.details.lost));
    }
    events.retain(|(subscription, ..)| *subscription > 0);
    events
}

fn told(delivery: Delivery) -> Contract {
    Contract { delivery, tells_lost: true }
}

fn of(on_slow: OnSlow, queue: u64) -> Contract {
    told(Delivery::new(on_slow).queue_len_max(queue))
}

#[test]
fn a_quick_reader_gets_everything_at_once() {
    let mut session = Session::new();
    let contract = of(OnSlow::DropOldest, 1);
    assert_eq!(session.offer(&contract, (X, 1)), Appended::FlushOwed);
    assert_eq!(session.offer(&contract, (X, 2)), Appended::Queued);
    assert!(session.queue.backlog.is_none());
    assert_eq!(session.drain(), [(7, 1, 0), (7, 2, 0)]);
}

#[test]
fn the_oldest_go_and_the_next_says_how_many() {
    let mut session = Session::slow();
    let contract = of(OnSlow::DropOldest, 3);
    let offers: Vec<Appended> = (1..=6).map(|number| session.offer(&contract, (X, number))).collect();
    assert_eq!(offers[..3], [Appended::Queued; 3]);
    assert_eq!(offers[3], Appended::Dropped { is_first: true });
    assert_eq!(offers[4], Appended::Dropped { is_first: false });
    assert_eq!(session.drain(), [(7, 4, 3), (7, 5, 0), (7, 6, 0)]);
    assert_eq!(session.queue.dropped, 3);
    assert_eq!(session.offer(&contract, (X, 7)), Appended::FlushOwed);
    assert_eq!(session.drain(), [(7, 7, 0)]);
}

#[test]
fn the_new_ones_go_and_the_next_after_them_says_how_many() {
    let mut session = Session::slow();
    let contract = of(OnSlow::DropNew, 2);
    session.offer_all(&contract, 1..=5);
    assert_eq!(session.drain(), [(7, 1, 0), (7, 2, 0)]);
    session.offer(&contract, (X, 6));
    session.offer(&contract, (X, 7));
    assert_eq!(session.drain(), [(7, 6, 3), (7, 7, 0)]);
    assert!(session.queue.backlog.is_none(), "nothing is kept of what was told");
}

#[test]
fn a_newer_version_takes_the_place_of_the_older_one() {
    let mut session = Session::slow();
    let contract = told(Delivery::conflate(ConflationKey::Keyword("mod".into())).queue_len_max(3));
    for number in 1..=8 {
        assert_eq!(session.offer(&contract, (X, number)), Appended::Queued);
    }
    // 1, 4, 7 are versions of one thing, 2, 5, 8 of another, 3 and 6 of a third.
    assert_eq!(session.drain(), [(7, 7, 2), (7, 8, 2), (7, 6, 1)]);
    assert_eq!(session.queue.dropped, 5);
}

#[test]
fn where_more_keys_wait_than_there_is_room_the_oldest_go() {
    let mut session = Session::slow();
    let contract = told(Delivery::conflate(ConflationKey::Argument(0)).queue_len_max(2));
    for number in [1, 2, 3, 3, 2] {
        session.offer(&contract, (X, number));
    }
    assert_eq!(session.drain(), [(7, 2, 2), (7, 3, 1)]);
}

#[test]
fn events_without_the_key_are_not_conflated() {
    let mut session = Session::slow();
    let contract = told(Delivery::conflate(ConflationKey::Argument(5)));
    session.offer_all(&contract, 1..=3);
    assert_eq!(session.drain(), [(7, 1, 0), (7, 2, 0), (7, 3, 0)]);
}

#[test]
fn by_topic_the_last_one_waits() {
    let mut session = Session::slow();
    let contract = of(OnSlow::Conflate, 5);
    session.offer_all(&contract, 1..=9);
    assert_eq!(session.drain(), [(7, 9, 8)]);
}

#[test]
fn a_contract_may_ask_to_be_disconnected() {
    let mut session = Session::slow();
    let contract = of(OnSlow::Disconnect, 2);
    assert_eq!(session.offer(&contract, (X, 1)), Appended::Queued);
    assert_eq!(session.offer(&contract, (X, 2)), Appended::Queued);
    assert_eq!(session.offer(&contract, (X, 3)), Appended::Overflow);
}

#[test]
fn who_did_not_ask_is_not_told() {
    let mut session = Session::slow();
    let contract = Contract { tells_lost: false, ..of(OnSlow::DropOldest, 2) };
    session.offer_all(&contract, 1..=5);
    assert_eq!(session.drain(), [(7, 4, 0), (7, 5, 0)]);
    let contract = Contract { tells_lost: false, ..of(OnSlow::DropNew, 1) };
    session.fill();
    session.offer_all(&contract, 1..=3);
    assert_eq!(session.drain(), [(7, 1, 0)]);
    assert!(session.queue.backlog.is_none());
    session.offer(&contract, (X, 4));
    assert_eq!(session.drain(), [(7, 4, 0)]);
}

#[test]
fn subscriptions_wait_for_each_other_and_keep_their_order() {
    let mut session = Session::slow();
    let (by_key, all) = (of(OnSlow::Conflate, 5), of(OnSlow::DropOldest, 2));
    for (contract, offer) in
        [(&by_key, (X, 1)), (&all, (Y, 2)), (&all, (Y, 3)), (&by_key, (X, 4)), (&all, (Y, 5))]
    {
        session.offer(contract, offer);
    }
    assert_eq!(session.waiting(), 3);
    assert_eq!(session.drain(), [(7, 4, 1), (8, 3, 1), (8, 5, 0)]);
}

#[test]
fn replies_overtake_what_waits() {
    let mut session = Session::slow();
    let contract = of(OnSlow::DropOldest, 100);
    session.offer_all(&contract, 1..=3);
    let reply = Message::from(event(SubscriptionId(99), 0, 0));
    let mut buffer = Vec::new();
    let framed = session.shape.wire.append(&reply, &mut buffer);
    assert_eq!(session.queue.append(framed.of(&buffer), Lane::Control, &session.options), Appended::Queued);
    assert_eq!(session.drain().first(), Some(&(99, 0, 0)));
}

#[test]
fn the_queue_and_what_waits_beside_it_share_one_bound() {
    let mut session = Session::slow();
    let contract = of(OnSlow::DropOldest, 1_000_000);
    for number in 1..=300 {
        session.offer_long(&contract, (X, number), 9_000);
        assert!(session.queue.waiting_bytes() <= session.options.bytes_max);
    }
    assert!(session.waiting() > 90, "{}", session.waiting());
    let plain = [0; 9_000];
    let dropped = session.queue.append(&plain, Lane::Event, &session.options);
    assert!(matches!(dropped, Appended::Dropped { .. }), "{dropped:?}");
    let got = session.drain();
    assert_eq!(got[0].2 + got.len() as u64, 300);
    assert_eq!(got.last(), Some(&(7, 300, 0)));
}

#[test]
fn an_event_too_long_for_the_session_is_among_the_lost() {
    let mut session = Session::new();
    let contract = of(OnSlow::DropNew, 10);
    assert_eq!(session.offer_long(&contract, (X, 1), 10_000), Appended::TooLong { is_first: true });
    session.offer(&contract, (X, 2));
    assert_eq!(session.drain(), [(7, 2, 1)]);
}

#[test]
fn an_event_that_the_number_of_lost_makes_too_long_is_lost_too() {
    let mut session = Session::new();
    let contract = of(OnSlow::DropOldest, 1);
    let fits = 9_000;
    session.shape.message_len_max = Message::from(event(X, 9, fits)).to_bytes(Serializer::Json).len();
    assert_eq!(session.offer_long(&contract, (X, 9), fits), Appended::FlushOwed, "without `_lost` it fits");
    session.drain();
    session.fill();
    session.offer(&contract, (X, 1));
    session.offer_long(&contract, (X, 2), fits);
    assert_eq!(session.drain(), []);
    session.offer_long(&contract, (X, 3), fits);
    assert_eq!(session.drain(), []);
    session.offer(&contract, (X, 4));
    assert_eq!(session.drain(), [(7, 4, 3)]);
}

#[test]
fn what_is_forgotten_does_not_come() {
    let mut session = Session::slow();
    let contract = of(OnSlow::DropOldest, 2);
    session.offer_all(&contract, 1..=5);
    session.offer(&contract, (Y, 6));
    session.queue.forget(X);
    assert_eq!(session.waiting(), 1);
    assert_eq!(session.drain(), [(8, 6, 0)]);
    session.fill();
    session.offer(&contract, (X, 7));
    session.queue.forget_all();
    assert_eq!((session.drain(), session.queue.backlog_bytes), (vec![], 0));
}

#[test]
fn a_large_event_is_not_copied_on_its_way() {
    let mut session = Session::slow();
    session.shape.message_len_max = usize::MAX;
    let contract = of(OnSlow::DropOldest, 2);
    session.offer_long(&contract, (X, 1), 2 * LARGE_PAYLOAD_LEN);
    session.offer(&contract, (X, 2));
    let waiting = session.queue.backlog.as_ref().unwrap().lines[&X].waiting[0].framed.as_ptr();
    let filled = session.queue.len();
    session.queue.advance(filled);
    assert_eq!(session.queue.unwritten().as_ptr(), waiting);
    assert_eq!(session.drain(), [(7, 1, 0), (7, 2, 0)]);
}

#[test]
fn the_number_of_lost_is_told_on_every_wire() {
    for serializer in Serializer::ALL {
        for batching in
            [Batching::Single, Batching::of(serializer), Batching::of(serializer).as_peer_does(b"\x18")]
        {
            let shape = Shape { wire: wire(serializer, batching), message_len_max: usize::MAX };
            let mut event = event(X, 5, 100);
            let (mut buffer, mut expected) = (Vec::new(), Vec::new());
            let framed = shape.wire.append(&event.clone().into(), &mut buffer);
            let (body_len, framed) = (framed.body_len(), framed.shared(buffer));
            event.details.lost = 300;
            let with_lost = shape.wire.append(&event.into(), &mut expected);
            let found = shape.with_lost(&framed, body_len, 300).unwrap();
            assert_eq!(found, with_lost.of(&expected), "{serializer:?} {batching:?}");
        }
    }
}

/// Whatever comes and is read in whatever portions: what is missing was said, where it is missing, and order is kept.
#[test]
fn the_lost_are_counted_exactly() {
    let mut state = 1u64;
    let mut dice = move |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    for round in 0..200 {
        let by_key = ConflationKey::Keyword("mod".into());
        let contract = match round % 4 {
            0 => of(OnSlow::DropOldest, 1 + dice(20)),
            1 => of(OnSlow::DropNew, 1 + dice(20)),
            2 => told(Delivery::conflate(by_key).queue_len_max(1 + dice(4))),
            _ => told(Delivery::conflate(ConflationKey::Argument(0)).queue_len_max(1 + dice(20))),
        };
        let mut session = Session::slow();
        let (mut out, mut offered) = (Vec::new(), 0);
        for _ in 0..300 {
            match dice(6) {
                0 => session.write(dice(30_000) as usize, &mut out),
                1 if dice(5) == 0 => session.fill(),
                2 if dice(8) == 0 => {
                    offered += 1;
                    session.offer_long(&contract, (X, offered), 10_000);
                }
                _ => {
                    offered += 1;
                    session.offer_long(&contract, (X, offered), dice(3_000) as usize);
                }
            }
            let _ = session.waiting();
        }
        while session.queue.len() > 0 {
            session.write(usize::MAX, &mut out);
        }
        offered += 1;
        session.offer(&contract, (X, offered));
        session.write(usize::MAX, &mut out);
        let got = read(&out);
        assert_eq!(got.last().map(|(_, number, _)| *number), Some(offered));
        let lost: u64 = got.iter().map(|(.., lost)| lost).sum();
        assert_eq!(lost + got.len() as u64, offered, "{contract:?}");
        if contract.delivery.on_slow != OnSlow::Conflate {
            let mut next = 1;
            for (_, number, lost) in got {
                assert_eq!(number, next + lost, "{contract:?}");
                next = number + 1;
            }
        }
        assert!(session.queue.backlog.is_none());
    }
}

#[test]
fn long_events_with_a_contract_reach_a_session_that_reads() {
    let mut session = Session::new();
    session.shape.message_len_max = 16 << 20;
    let mut written = Vec::new();
    for number in [1, 3] {
        let filler = [0; 24];
        session.queue.append(&filler, Lane::Control, &session.options);
        for number in [number, number + 1] {
            let taken = session.offer_long(&of(OnSlow::DropNew, 100), (X, number), 6 << 20);
            assert!(taken.is_queued(), "{number}");
        }
        assert!(session.offer(&of(OnSlow::DropNew, 100), (X, 9)).is_queued(), "a short one fits");
        let third = session.offer_long(&of(OnSlow::DropNew, 100), (X, 9), 6 << 20);
        assert!(matches!(third, Appended::Dropped { .. }), "{third:?}");
        while session.queue.len() > 0 {
            session.write(usize::MAX, &mut written);
        }
    }
    assert_eq!(written.len() >> 20, 24);
}
