//! Turns of questions to authenticators: one that does not answer is in the way of its own clients only.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Asked, NotGranted};

/// Questions that may be with one authenticator at a time; further clients wait their turn.
pub(crate) const QUESTIONS_MAX: usize = 256;
/// Questions that may be with all authenticators at a time.
const ALL_QUESTIONS_MAX: usize = 16 * QUESTIONS_MAX;

/// An authenticator, as turns are counted. Without what it is asked through, so that its methods and transports share its turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Whom {
    /// Where it is in memory: nobody else is there while a question holds it.
    Function(usize),
    Named(Arc<str>),
    /// The realm it is called on, and its URI.
    Procedure(Option<String>, String),
    /// A method of the program's own, by the name under which it was registered.
    Login(Arc<str>),
}

impl Whom {
    /// Whom this asks about a client of a realm.
    pub(super) fn of(asked: &Asked, realm: Option<&str>) -> Whom {
        match asked {
            Asked::Function(function) => Whom::Function(Arc::as_ptr(function).cast::<()>() as usize),
            Asked::Named(name) => Whom::Named(name.clone()),
            Asked::Procedure(procedure) => {
                let realm = procedure.realm.as_deref().or(realm);
                Whom::Procedure(realm.map(str::to_owned), procedure.uri.clone())
            }
        }
    }
}

/// The turns of all authenticators.
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    /// Of those who are asked now, so there are no more than clients that are being let in.
    lines: Mutex<HashMap<Whom, Line>>,
}

/// The turns of one authenticator.
struct Line {
    turns: Arc<Semaphore>,
    /// Questions that have a turn or wait for one.
    questions: usize,
}

impl Default for Turns {
    fn default() -> Self {
        Turns { all: Arc::new(Semaphore::new(ALL_QUESTIONS_MAX)), lines: Mutex::default() }
    }
}

impl Turns {
    /// Waits for a turn to ask this about a client of a realm.
    pub(crate) async fn take(
        self: &Arc<Self>,
        asked: &Asked,
        realm: Option<&str>,
    ) -> Result<Turn, NotGranted> {
        self.wait(self.queue_up(Whom::of(asked, realm), Some(asked.clone()))).await
    }

    /// Waits for a turn of a login method.
    pub(crate) async fn take_login(self: &Arc<Self>, name: &Arc<str>) -> Result<Turn, NotGranted> {
        self.wait(self.queue_up(Whom::Login(name.clone()), None)).await
    }

    async fn wait(&self, place: Place) -> Result<Turn, NotGranted> {
        // Whoever waits for its authenticator must not hold what others could have.
        let own = place.turns.clone().acquire_owned().await;
        let any = self.all.clone().acquire_owned().await;
        let (Ok(own), Ok(any)) = (own, any) else {
            return Err(NotGranted::Failed("the router stops".to_owned()));
        };
        Ok(Turn { _own: own, _any: any, _place: place })
    }

    /// Turns that somebody has.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        ALL_QUESTIONS_MAX - self.all.available_permits()
    }

    fn queue_up(self: &Arc<Self>, whom: Whom, asked: Option<Asked>) -> Place {
        let mut lines = self.lines.lock();
        let line = lines
            .entry(whom.clone())
            .or_insert_with(|| Line { turns: Arc::new(Semaphore::new(QUESTIONS_MAX)), questions: 0 });
        line.questions += 1;
        Place { turns: line.turns.clone(), all: self.clone(), whom, _asked: asked }
    }
}

/// The right to ask, until it is dropped.
pub(crate) struct Turn {
    _own: OwnedSemaphorePermit,
    _any: OwnedSemaphorePermit,
    _place: Place,
}

/// A place in the line of an authenticator, which is there as long as anybody has one.
struct Place {
    turns: Arc<Semaphore>,
    all: Arc<Turns>,
    whom: Whom,
    /// So that no other function comes to be where this one is.
    _asked: Option<Asked>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.all.lines.lock();
        let Entry::Occupied(mut line) = lines.entry(self.whom.clone()) else { return };
        line.get_mut().questions -= 1;
        if line.get().questions == 0 {
            line.remove();
        }
        if lines.capacity() > ALL_QUESTIONS_MAX && lines.is_empty() {
            lines.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;
    use crate::authenticator::Procedure;

    fn procedure(uri: &str, realm: Option<&str>) -> Asked {
        let (uri, realm) = (uri.to_owned(), realm.map(str::to_owned));
        Asked::Procedure(Arc::new(Procedure {
            uri,
            realm,
            authrole: None,
            default_role: None,
            passes_errors: false,
        }))
    }

    async fn has_turn(turns: &Arc<Turns>, asked: &Asked, realm: &str) -> Option<Turn> {
        // The many questions of a test are no reason to yield.
        let mut taking = pin!(tokio::task::unconstrained(turns.take(asked, Some(realm))));
        std::future::poll_fn(|cx| match taking.as_mut().poll(cx) {
            std::task::Poll::Ready(turn) => std::task::Poll::Ready(turn.ok()),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }

    #[tokio::test]
    async fn an_authenticator_whose_turns_are_taken_leaves_the_others_theirs() {
        let turns = Arc::<Turns>::default();
        let slow = procedure("com.slow", Some("realm1"));
        let mut taken = Vec::new();
        for _ in 0..QUESTIONS_MAX {
            taken.push(has_turn(&turns, &slow, "any").await.expect("a turn"));
        }
        assert!(has_turn(&turns, &slow, "other").await.is_none());
        assert!(has_turn(&turns, &procedure("com.slow", None), "realm1").await.is_none(), "it is the same");
        assert!(has_turn(&turns, &procedure("com.slow", None), "realm2").await.is_some());
        assert!(has_turn(&turns, &Asked::Named("slow".into()), "realm1").await.is_some());
        taken.pop();
        assert!(has_turn(&turns, &slow, "any").await.is_some());
        drop(taken);
        assert!(turns.lines.lock().is_empty(), "nothing is kept of those whom nobody asks");
    }

    #[tokio::test]
    async fn there_is_a_bound_for_all_authenticators_together() {
        let turns = Arc::<Turns>::default();
        let asked = procedure("com.slow", None);
        let mut taken = Vec::new();
        for realm in 0..ALL_QUESTIONS_MAX / QUESTIONS_MAX {
            for _ in 0..QUESTIONS_MAX {
                taken.push(has_turn(&turns, &asked, &realm.to_string()).await.expect("a turn"));
            }
        }
        assert!(has_turn(&turns, &asked, "another").await.is_none());
        taken.pop();
        assert!(has_turn(&turns, &asked, "another").await.is_some());
    }
}
