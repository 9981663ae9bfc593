//! A session that loses its connection again and again, drawn from a seed: every event that was published is received, told as missed,
//! or was dropped while its client was slow and caught up.

use std::collections::VecDeque;
use std::sync::Arc;

use crossweave_router_core::boundary::Contract;
use crossweave_transport::codec::Framing;
use crossweave_wamp::{Batching, Delivery, OnSlow as Slow, Serializer, SubscriptionId};

use super::*;
use crate::peer::Wire;
use crate::queue::backlog::{Offer, Shape};
use crate::queue::{Appended, OnSlow, Queue, QueueOptions};

const FRAME_LEN: usize = 16;
const BOUNDS: QueueOptions = QueueOptions { bytes_max: 6 * FRAME_LEN, on_slow: OnSlow::DropNew };
const RING: ResumptionOptions = ResumptionOptions {
    window_s: 30,
    buffer_bytes_max: 5 * (FRAME_LEN + FRAME_COST_BYTES),
    sessions_max: 10,
    sessions_per_client_max: 10,
};

/// What a frame of the test says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    /// The number of an event.
    Event(u64),
    /// That of an event under a contract of its receiver's role.
    Contracted(u64),
    /// The number of a message that nobody can do without.
    Needed(u64),
    /// WELCOME: an index into the list of them.
    Welcome(u64),
}

impl Frame {
    fn bytes(self) -> [u8; FRAME_LEN] {
        let (kind, number) = match self {
            Frame::Event(number) => (0u64, number),
            Frame::Needed(number) => (1, number),
            Frame::Welcome(number) => (2, number),
            Frame::Contracted(number) => (3, number),
        };
        let mut bytes = [0; FRAME_LEN];
        bytes[..8].copy_from_slice(&kind.to_be_bytes());
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        bytes
    }

    fn of(bytes: &[u8]) -> Frame {
        let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        match number(0) {
            0 => Frame::Event(number(8)),
            1 => Frame::Needed(number(8)),
            3 => Frame::Contracted(number(8)),
            _ => Frame::Welcome(number(8)),
        }
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

/// The router's side, what is on the way, and the client.
struct Game {
    dice: Dice,
    contract: Contract,
    queue: Queue,
    is_parked: bool,
    on_the_way: VecDeque<Frame>,
    welcomes: Vec<(Token, u64)>,
    published: u64,
    needed: u64,
    /// Events dropped while the client was slow, which has caught up since.
    forgiven: u64,
    // The client.
    token: Token,
    received: u64,
    last_event: u64,
    last_contracted: u64,
    last_needed: u64,
    events: u64,
    missed: u64,
    has_welcome: bool,
}

impl Game {
    fn new(seed: u64) -> Game {
        let seat = Seat::take(&Arc::default(), Owner::Memory, &RING).expect("there are seats");
        let token = Token::random();
        let mut queue = Queue::default();
        queue.resumption = Some(Resumption::new(&RING, seat, &token, None));
        let on_slow = [Slow::DropOldest, Slow::DropNew, Slow::Conflate];
        let delivery = Delivery { queue_len_max: 3, ..Delivery::new(on_slow[seed as usize % 3]) };
        Game {
            dice: Dice(seed * 0x9e37_79b9 + 1),
            contract: Contract { delivery, tells_lost: false },
            queue,
            is_parked: false,
            on_the_way: VecDeque::new(),
            welcomes: Vec::new(),
            published: 0,
            needed: 0,
            forgiven: 0,
            token,
            received: 0,
            last_event: 0,
            last_contracted: 0,
            last_needed: 0,
            events: 0,
            missed: 0,
            has_welcome: true,
        }
    }

    fn resumption(&mut self) -> &mut Resumption {
        self.queue.resumption.as_mut().expect("the session is resumable")
    }

    /// False once the session cannot go on.
    fn step(&mut self) -> bool {
        match self.dice.below(20) {
            0..6 => return self.publish(),
            6..9 => return self.publish_by_contract(),
            9 if self.dice.below(12) == 0 => return self.answer(),
            10..14 => self.write(),
            14..17 => self.read(),
            17 if self.has_welcome && !self.is_parked => self.resumption().confirm(),
            18 if !self.is_parked && self.dice.below(3) == 0 => return self.take_over(),
            18 if !self.is_parked => self.lose(),
            19 if self.is_parked => return self.come_back(Token::given(self.token.text())),
            _ => {}
        }
        true
    }

    fn publish(&mut self) -> bool {
        self.published += 1;
        let frame = Frame::Event(self.published).bytes();
        let appended = self.queue.append(&frame, Lane::Event, &BOUNDS);
        assert_ne!(appended, Appended::Overflow);
        appended != Appended::Unresumable
    }

    fn publish_by_contract(&mut self) -> bool {
        self.published += 1;
        let framed = Bytes::copy_from_slice(&Frame::Contracted(self.published).bytes());
        let wire =
            Wire { serializer: Serializer::Json, framing: Framing::RawSocket, batching: Batching::Single };
        let shape = Shape { wire, message_len_max: 1_000 };
        let key: Arc<[u8]> = Arc::new([self.dice.below(2) as u8]);
        let is_conflated = self.contract.delivery.on_slow == Slow::Conflate;
        let offer = Offer {
            subscription: SubscriptionId(1),
            contract: &self.contract,
            framed: &framed,
            body_len: FRAME_LEN,
            key: is_conflated.then_some(&key),
        };
        self.queue.offer(&offer, shape, &BOUNDS) != Appended::Overflow
    }

    fn answer(&mut self) -> bool {
        self.needed += 1;
        let frame = Frame::Needed(self.needed).bytes();
        let appended = self.queue.append(&frame, Lane::Control, &BOUNDS);
        self.queue.len() <= BOUNDS.bytes_max * 2 && appended != Appended::Unresumable
    }

    fn write(&mut self) {
        let frames = self.queue.unwritten().len() / FRAME_LEN;
        let len = FRAME_LEN * self.dice.below(frames as u64 + 1) as usize;
        if len == 0 {
            return;
        }
        let frames = self.queue.unwritten()[..len].chunks(FRAME_LEN).map(Frame::of);
        self.on_the_way.extend(frames);
        self.is_written(len);
    }

    fn is_written(&mut self, len: usize) {
        let dropped = self.resumption().dropped;
        if self.queue.advance(len).is_some() {
            self.forgiven += dropped;
        }
    }

    fn read(&mut self) {
        for _ in 0..self.dice.below(5) {
            self.read_one();
        }
    }

    fn read_one(&mut self) {
        match self.on_the_way.pop_front() {
            Some(Frame::Event(number)) => {
                assert!(number > self.last_event, "event {number} after {}", self.last_event);
                self.last_event = number;
                self.events += 1;
                self.received += 1;
            }
            Some(Frame::Contracted(number)) => {
                // A newer version has the turn of the one that it replaces.
                let is_conflated = self.contract.delivery.on_slow == Slow::Conflate;
                assert!(is_conflated || number > self.last_contracted);
                self.last_contracted = number;
                self.events += 1;
                self.received += 1;
            }
            Some(Frame::Needed(number)) => {
                assert_eq!(number, self.last_needed + 1, "every one comes, once");
                self.last_needed = number;
                self.received += 1;
            }
            Some(Frame::Welcome(at)) => {
                let (token, missed) = &self.welcomes[at as usize];
                self.token = Token::given(token.text());
                self.missed += missed;
                self.has_welcome = true;
            }
            None => {}
        }
    }

    fn lose(&mut self) {
        self.on_the_way.clear();
        self.is_parked = true;
        let mut lasting = self.queue.take_lasting().expect("the session is resumable");
        lasting.resumption.park(0, false);
        self.queue = Queue::default();
        self.queue.put_lasting(lasting);
    }

    /// The client comes by another connection, though the router thinks that this one is alive.
    fn take_over(&mut self) -> bool {
        let shown = Token::given(self.token.text());
        self.resumption().heed_token(&shown);
        let (lent, _) = self.resumption().take_over(&shown);
        self.lose();
        // It may give up meanwhile.
        self.dice.below(3) == 0 || self.come_back(lent)
    }

    fn come_back(&mut self, shown: Token) -> bool {
        let received = self.received;
        assert!(self.resumption().is_good(&shown), "its client has no other token");
        self.resumption().heed_token(&shown);
        let Ok(Replay { missed, frames }) = self.resumption().replay(received) else { return false };
        let mut lasting = self.queue.take_lasting().expect("the session is resumable");
        let token = lasting.resumption.unpark(received, &shown);
        let mut queue = Queue::default();
        let welcome = Frame::Welcome(self.welcomes.len() as u64).bytes();
        self.welcomes.push((token, missed));
        queue.append_replayed(Bytes::copy_from_slice(&welcome));
        for frame in frames {
            queue.append_replayed(frame);
        }
        queue.put_lasting(lasting);
        self.queue = queue;
        (self.is_parked, self.has_welcome) = (false, false);
        true
    }

    /// All that waits is written and read.
    fn end(mut self) -> bool {
        if self.is_parked && !self.come_back(Token::given(self.token.text())) {
            return false;
        }
        loop {
            let len = self.queue.unwritten().len();
            if len == 0 {
                break;
            }
            self.on_the_way.extend(self.queue.unwritten().chunks(FRAME_LEN).map(Frame::of));
            self.is_written(len);
        }
        while !self.on_the_way.is_empty() {
            self.read_one();
        }
        let known = self.events + self.missed + self.forgiven;
        let Game { published, events, missed, forgiven, .. } = self;
        assert_eq!(known, published, "{events} received, {missed} told as missed, {forgiven} forgiven");
        true
    }
}

#[test]
fn every_event_is_received_or_told_as_missed_however_often_connections_are_lost() {
    let mut whole = 0;
    for seed in 0..3_000 {
        let mut game = Game::new(seed);
        if (0..150).all(|_| game.step()) {
            whole += u32::from(game.end());
        }
    }
    assert!(whole > 1_000, "only {whole} games came to their end");
}
