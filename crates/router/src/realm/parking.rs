//! Sessions of a realm without a connection: how they come to be, go on, and end. See [`crate::resumption`].
//!
//! A parked session keeps its slot; another [`Peer`] stands in it, which has the session's ring and no socket. Whoever looks
//! after that peer, its task here or the connection that resumes it, is the slot's user at the driver. Which of them it is
//! changes under the realm's lock only: the ring is in that peer's queue or it is not.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use crossweave_router_core::boundary::{Input, Presence, Session, Slot};
use crossweave_wamp::AuthMethod;
use crossweave_wamp::message::Welcome;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::debug;

use super::{RealmCell, RealmIsDown, Run};
use crate::cookies::Visit;
use crate::dispatch::Effects;
use crate::peer::Peer;
use crate::queue::{Appended, Detached};
use crate::resumption::{self, Owner, Parked, Replay, Request, Resumption, ResumptionOptions, Seat, Token};

/// A connection whose client wants to go on with a session.
pub(crate) struct Claimant<'c> {
    pub(crate) request: &'c Request,
    /// The connection's own place: WELCOME and what follows goes there.
    pub(crate) peer: &'c Arc<Peer>,
    /// The session that the client gets otherwise: whom it has proven to be.
    pub(crate) session: &'c Session,
    /// How it has proven that.
    pub(crate) proof: Option<AuthMethod>,
    /// The WELCOME of that session.
    pub(crate) welcome: &'c Welcome,
}

/// What becomes of a claim.
pub(crate) enum Claimed {
    /// The session goes on in this slot, from where it was.
    Resumed {
        /// Where it stands.
        slot: Slot,
        /// Messages of the session that the router has handled.
        received: u64,
        /// One of them still awaits authorization.
        is_paused: bool,
    },
    /// It still has a connection, which is told to give it up. Claim it with this token when that has happened.
    Connected(Token, oneshot::Receiver<()>),
    /// It does not go on. Why, for the log.
    Declined(&'static str),
}

/// A claim that was found good.
struct Good {
    slot: Slot,
    held: Arc<Peer>,
    replay: Replay,
    parked: Parked,
}

impl RealmCell {
    /// Makes a session resumable, if there is a seat left, and says so in its WELCOME.
    pub(crate) fn make_resumable(
        &self,
        options: &ResumptionOptions,
        owner: Owner,
        proof: Option<AuthMethod>,
        welcome: &mut Welcome,
    ) -> Option<Box<Resumption>> {
        let seat = Seat::take(&self.resumable, owner, options)?;
        let token = Token::random();
        let resumption = Resumption::new(options, seat, &token, proof);
        resumption::offer(welcome, &token, resumption.window);
        Some(resumption)
    }

    /// The connection of a session is lost, or silent. False if the session is not resumable, and is still the connection's.
    pub(crate) fn park(
        self: &Arc<Self>,
        (slot, peer): (Slot, &Arc<Peer>),
        (received, is_paused): (u64, bool),
        presence: Presence,
        visit: Option<Visit>,
        effects: &mut Effects,
    ) -> bool {
        let Ok(runtime) = Handle::try_current() else { return false };
        let held = self.handle(effects, |run| {
            let parked = run.park(slot, peer, received, is_paused);
            if parked.is_some() {
                let _ = run.input(Input::Presence(slot, presence));
            }
            parked
        });
        let Ok(Some((held, takeover))) = held else { return false };
        debug!(realm = %self.name, session = held.session(), "session is parked");
        if let Some(visit) = &visit {
            visit.attach(&held);
            // Who has logged out before that has found only the connection.
            let is_logged_out = peer.queue.lock().is_logged_out;
            held.queue.lock().is_logged_out |= is_logged_out;
        }
        runtime.spawn(hold(self.clone(), slot, held, visit));
        if let Some(takeover) = takeover {
            // It may have given up.
            let _ = takeover.send(());
        }
        true
    }

    /// Goes on with a session, if the claim is good.
    pub(crate) fn claim(
        self: &Arc<Self>,
        claimant: &Claimant<'_>,
        effects: &mut Effects,
    ) -> Result<Claimed, RealmIsDown> {
        self.handle(effects, |run| match run.judge(claimant) {
            Ok(Ok(good)) => run.resume(claimant, good),
            Ok(Err(other)) => other,
            Err(why) => Claimed::Declined(why),
        })
    }

    /// A parked session's time is over, or the realm has let it go.
    fn give_up(self: &Arc<Self>, slot: Slot, held: &Arc<Peer>) {
        let mut effects = Effects::default();
        let ended = self.handle(&mut effects, |run| {
            // Resumed in the last moment: the slot is the connection's.
            if held.queue.lock().resumption.is_none() {
                return false;
            }
            let is_attached = run.dispatch.routes.detach(slot).is_some();
            if is_attached {
                let _ = run.input(Input::Leave(slot));
            }
            run.dispatch.routes.release(slot);
            is_attached
        });
        if let Ok(true) = ended {
            debug!(realm = %self.name, session = held.session(), "parked session was not resumed and left");
        }
        self.finish(effects);
    }
}

impl Run<'_> {
    fn park(
        &mut self,
        slot: Slot,
        peer: &Arc<Peer>,
        received: u64,
        is_paused: bool,
    ) -> Option<(Arc<Peer>, Option<oneshot::Sender<()>>)> {
        let is_attached = self.dispatch.routes.get(slot).is_some_and(|attached| Arc::ptr_eq(attached, peer));
        if self.is_closing || !is_attached {
            return None;
        }
        let held = peer.without_connection();
        let mut queue = peer.queue.lock();
        let mut lasting = queue.take_lasting()?;
        lasting.resumption.park(received, is_paused && !queue.is_resumed);
        let takeover = lasting.resumption.takeover.take();
        drop(queue);
        held.queue.lock().put_lasting(lasting);
        self.dispatch.routes.replace(slot, held.clone());
        Some((held, takeover))
    }

    /// Whether the claim is good. The inner error: it may be later.
    fn judge(&mut self, claimant: &Claimant<'_>) -> Result<Result<Good, Claimed>, &'static str> {
        let Claimant { request, session, .. } = claimant;
        let (slot, owner) = self.realm.session(request.session).ok_or("there is no such session")?;
        let is_owner = is_same_client(owner, session);
        let held = self.dispatch.routes.get(slot).cloned().ok_or("there is no such session")?;
        let mut queue = held.queue.lock();
        let resumption = queue.resumption.as_mut().ok_or("the session is not resumable")?;
        if !resumption.is_good(&request.token) {
            return Err("the token is wrong or was used before");
        }
        if !is_owner {
            return Err("the token belongs to somebody else");
        }
        // Nobody gets by a weaker method what was begun by a stronger one.
        if resumption.proof != claimant.proof {
            return Err("the client has proven who it is by another method than then");
        }
        resumption.heed_token(&request.token);
        let Some(parked) = resumption.parked() else {
            let (token, given_up) = resumption.take_over(&request.token);
            queue.is_taken_over = true;
            drop(queue);
            self.dispatch.effects.wakes.push(held);
            return Ok(Err(Claimed::Connected(token, given_up)));
        };
        let replay = match request.received {
            Some(received) => resumption.replay(received),
            None => Err("the client does not say what it has received"),
        };
        drop(queue);
        let replay = replay.and_then(|replay| fits(claimant.peer, &held).map(|()| replay));
        match replay {
            Ok(replay) => Ok(Ok(Good { slot, held, replay, parked })),
            Err(why) => {
                // Its owner begins anew, and must not be in its own way.
                self.end_parked(slot, &held);
                Err(why)
            }
        }
    }

    fn resume(&mut self, claimant: &Claimant<'_>, good: Good) -> Claimed {
        let Claimant { request, peer, session, .. } = claimant;
        let Good { slot, held, replay, parked } = good;
        let mut queue = held.queue.lock();
        let Some(mut lasting) = queue.take_lasting() else {
            return Claimed::Declined("the session is not resumable");
        };
        let is_resumed = queue.is_resumed;
        drop(queue);
        let mut welcome = self.welcome(claimant, slot, &replay, parked);
        let token = lasting.resumption.unpark(request.received.unwrap_or_default(), &request.token);
        resumption::offer(&mut welcome, &token, lasting.resumption.window);
        let mut framed = Vec::new();
        let welcome = welcome.into();
        let framed_at = peer.wire.append(&welcome, &mut framed);
        if self.dispatch.is_traced {
            self.dispatch.effects.traced.note(held.session(), framed_at.body_len(), &welcome);
        }
        peer.set_session(held.session());
        let mut queue = peer.queue.lock();
        let mut owes = queue.append_replayed(framed_at.shared(framed)) == Appended::FlushOwed;
        for frame in replay.frames {
            owes |= queue.append_replayed(frame) == Appended::FlushOwed;
        }
        queue.put_lasting(lasting);
        drop(queue);
        self.dispatch.routes.replace(slot, (*peer).clone());
        self.realm.set_transport(slot, session.transport.clone());
        let _ = self.input(Input::Presence(slot, Presence::There));
        if owes {
            self.dispatch.effects.dirty.push((*peer).clone());
        }
        // Its task ends.
        self.dispatch.effects.wakes.push(held);
        let is_paused = parked.is_paused && !is_resumed;
        Claimed::Resumed { slot, received: parked.received, is_paused }
    }

    /// The WELCOME of a session that goes on: its own id and authid, and where both sides are.
    fn welcome(&self, claimant: &Claimant<'_>, slot: Slot, replay: &Replay, parked: Parked) -> Welcome {
        let mut welcome = claimant.welcome.clone();
        welcome.session = claimant.request.session;
        if let Some((_, owner)) = self.realm.session(welcome.session).filter(|(at, _)| *at == slot) {
            welcome.details.insert("authid", owner.authid.to_string());
        }
        welcome.details.insert("resumed", true);
        welcome.details.insert("recovered", replay.missed == 0);
        if replay.missed > 0 {
            welcome.details.insert("missed", replay.missed);
        }
        welcome.details.insert("received", parked.received);
        welcome
    }

    fn end_parked(&mut self, slot: Slot, held: &Arc<Peer>) {
        if self.dispatch.routes.detach(slot).is_some() {
            held.queue.lock().detached = Some(Detached::Close(""));
            let _ = self.input(Input::Leave(slot));
            self.dispatch.effects.wakes.push(held.clone());
        }
    }
}

/// Whether who logs in now is who logged in then. Who has proven nothing has the token alone, and a random authid.
fn is_same_client(owner: &Session, client: &Session) -> bool {
    let is_anonymous = |session: &Session| &*session.authmethod == "anonymous";
    is_anonymous(owner) == is_anonymous(client)
        && owner.authrole == client.authrole
        && (is_anonymous(owner) || owner.authid == client.authid)
}

/// Whether what was framed for one peer can be sent to the other.
fn fits(peer: &Peer, held: &Peer) -> Result<(), &'static str> {
    if peer.wire != held.wire {
        return Err("the client uses another serializer or kind of transport");
    }
    match peer.message_len_max < held.message_len_max {
        true => Err("the client takes no messages as long as before"),
        false => Ok(()),
    }
}

/// Looks after a parked session until its time is over, it is resumed, or it has to end.
async fn hold(realm: Arc<RealmCell>, slot: Slot, held: Arc<Peer>, visit: Option<Visit>) {
    let window = {
        let queue = held.queue.lock();
        queue.resumption.as_ref().map(|resumption| resumption.window)
    };
    let is_over = poll_fn(|cx| {
        held.waker.register(cx.waker());
        let queue = held.queue.lock();
        match queue.detached.is_some() || queue.is_logged_out || queue.resumption.is_none() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    });
    if let Some(window) = window {
        // Whichever it is that has happened, it shows in the queue.
        let _ = timeout(window, is_over).await;
    }
    if let Some(visit) = &visit {
        visit.detach(&held);
    }
    realm.give_up(slot, &held);
}
