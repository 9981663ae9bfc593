//! What the handles, the handlers and the connection's task have in common.
//!
//! The core is behind a mutex rather than in a task: requests are serialized where they are made, straight into the bytes
//! to be written, so that a message costs no channel and no allocation, many messages go into one write, and dropping a
//! handle can send its CANCEL or UNSUBSCRIBE at once. The lock is held for serializing and bookkeeping only; the
//! application's code (wakers, answers, handlers) runs when it is released ([`Effects`]).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crossweave_transport::codec::Encoder;
use crossweave_wamp::Serializer;
use crossweave_wamp::message::{self, Message};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::core::{Core, Effects, Epoch, ProcedureId, SendError, Start, TopicKey};
use crate::driver::End;
use crate::error::Disconnected;
use crate::handler;
use crate::outbox::Outbox;
use crate::resume::Claim;
use crate::session::Session;
use crate::state::State;

/// What a connection is to write and what its application awaits.
pub(crate) struct Shared {
    core: Mutex<Core>,
    /// For the connection's task: there is something to write, or the application leaves.
    pub(crate) wake: Notify,
    /// For senders: there is room again, or no connection.
    space: Notify,
    pub(crate) state: watch::Sender<State>,
    /// The last session. There is always one once a client is handed out.
    session: Mutex<Arc<Session>>,
    pub(crate) url: Arc<str>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Shared {
    /// For a first session, which is then given to [`Shared::open`].
    pub(crate) fn new(url: Arc<str>, session: &Session) -> Arc<Shared> {
        let session = Arc::new(session.clone());
        let core = Core::new(Disconnected { url: url.clone(), reason: "connecting".into(), goodbye: None });
        Arc::new(Shared {
            core: Mutex::new(core),
            wake: Notify::new(),
            space: Notify::new(),
            state: watch::Sender::new(State::Connected(session.clone())),
            session: Mutex::new(session),
            url,
        })
    }

    /// Does something with the core, then what follows from it.
    pub(crate) fn with<T>(self: &Arc<Self>, act: impl FnOnce(&mut Core, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        let (done, has_output) = {
            let mut core = self.core.lock();
            let done = act(&mut core, &mut effects);
            (done, core.outbox().is_some_and(|outbox| !outbox.is_empty()))
        };
        if has_output {
            self.wake.notify_one();
        }
        effects.run(self);
        done
    }

    /// As [`Shared::with`], once there is room for more to write.
    pub(crate) async fn send<T>(
        self: &Arc<Self>,
        act: impl FnOnce(&mut Core) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        tokio::task::consume_budget().await;
        let mut act = Some(act);
        if let Some(done) = self.try_send(&mut act) {
            return done;
        }
        loop {
            let space = self.space.notified();
            tokio::pin!(space);
            // In the list before looking: room that is made afterwards wakes us.
            space.as_mut().enable();
            if let Some(done) = self.try_send(&mut act) {
                return done;
            }
            space.await;
        }
    }

    /// Nothing if there is no room; then `act` is still there.
    fn try_send<T>(
        self: &Arc<Self>,
        act: &mut Option<impl FnOnce(&mut Core) -> Result<T, SendError>>,
    ) -> Option<Result<T, SendError>> {
        self.with(|core, _| match core.is_full() {
            Ok(true) => None,
            Ok(false) => act.take().map(|act| act(core)),
            Err(error) => Some(Err(error)),
        })
    }

    /// For the connection's task: takes what is to be written.
    pub(crate) fn take_outbound(&self, written: &mut Vec<u8>) {
        let was_full = {
            let mut core = self.core.lock();
            let Some(outbox) = core.outbox() else { return };
            let was_full = outbox.is_full();
            outbox.take(written);
            was_full
        };
        if was_full {
            self.space.notify_waiters();
        }
    }

    /// A session is open on a new connection.
    pub(crate) fn open(self: &Arc<Self>, session: Session, outbox: Outbox) {
        let session = Arc::new(session);
        *self.session.lock() = session.clone();
        self.with(|core, _| core.open(outbox));
        self.state.send_replace(State::Connected(session));
    }

    /// The connection is lost; its session may go on over another one. The claim on it, if the router offered that.
    pub(crate) fn suspend(self: &Arc<Self>) -> Option<Claim> {
        let session = self.session();
        session.offer.as_ref()?;
        let received = self.with(|core, _| (!core.is_leaving()).then(|| core.suspend()))?;
        self.space.notify_waiters();
        Claim::new(&session, received)
    }

    /// The session goes on over a new connection. False if it cannot, as the router lacks what is no longer kept.
    pub(crate) fn resume(self: &Arc<Self>, session: Session, encoder: &mut Option<Encoder>) -> bool {
        let Some(received) = session.received() else { return false };
        if !self.with(|core, _| core.resume(session.serializer, encoder, received)) {
            return false;
        }
        let session = Arc::new(session);
        *self.session.lock() = session.clone();
        self.state.send_replace(State::Connected(session));
        true
    }

    /// The session is over, whether or not there will be another one.
    pub(crate) fn session_closed(self: &Arc<Self>, why: &Disconnected) {
        self.with(|core, effects| core.close(why, effects));
        self.space.notify_waiters();
    }

    /// There will be no further session.
    pub(crate) fn end(self: &Arc<Self>, why: Option<Disconnected>) {
        self.with(|core, effects| core.end(effects));
        self.space.notify_waiters();
        self.state.send_replace(State::Closed(why));
    }

    pub(crate) fn leave(self: &Arc<Self>) {
        self.with(|core, _| core.leave());
        self.wake.notify_one();
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.core.lock().is_leaving()
    }

    pub(crate) fn session(&self) -> Arc<Session> {
        self.session.lock().clone()
    }

    /// The serializer of the last session.
    pub(crate) fn serializer(&self) -> Serializer {
        self.session.lock().serializer
    }

    pub(crate) fn disconnected(&self, reason: impl fmt::Display) -> Disconnected {
        Disconnected { url: self.url.clone(), reason: reason.to_string().into(), goodbye: None }
    }

    /// Why there is no connection any more.
    pub(crate) fn ended(&self, end: &End) -> Disconnected {
        let goodbye = match end {
            End::Goodbye(goodbye) => Some(goodbye.reason.as_str().into()),
            _ => None,
        };
        Disconnected { goodbye, ..self.disconnected(end) }
    }

    /// Sends a handler's answer; waits while the connection has enough to write.
    pub(crate) async fn answer(self: &Arc<Self>, epoch: Epoch, answer: Answer) {
        // Without a connection there is nobody to answer.
        let _ = self
            .send(move |core| {
                match answer {
                    Answer::Yield(answer) => core.answer(epoch, answer.request, answer.into()),
                    Answer::Error(answer) => core.answer(epoch, answer.request, Message::Error(answer)),
                }
                Ok(())
            })
            .await;
    }
}

/// What a handler ends with.
pub(crate) enum Answer {
    Yield(message::Yield<'static>),
    Error(message::Error<'static>),
}

impl crate::core::Runtime for Arc<Shared> {
    fn start(&self, start: Start) {
        tokio::spawn(handler::run(self.clone(), start));
    }

    fn register_later(&self, epoch: Epoch, procedure: ProcedureId, attempt: u32) {
        later(self, attempt, move |core| core.register_again(epoch, procedure));
    }

    fn subscribe_later(&self, epoch: Epoch, topic: TopicKey, attempt: u32) {
        later(self, attempt, move |core| core.subscribe_again(epoch, &topic));
    }
}

/// Does it when it may be of use to try once more: after a second, and twice as long each time.
fn later(shared: &Arc<Shared>, attempt: u32, act: impl FnOnce(&mut Core) + Send + 'static) {
    let wait = Duration::from_secs(1 << attempt.min(5));
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        if let Some(shared) = shared.upgrade() {
            shared.with(|core, _| act(core));
        }
    });
}
