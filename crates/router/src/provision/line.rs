//! Clients in line for a realm, and the task that asks the provider for them, one after the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crossweave_wamp::uris;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tracing::{info, warn};

use super::{Activation, HoldsFor, Missing, NotActivated};
use crate::quota::Kind;
use crate::realm::AbortOnDrop;
use crate::router::Shared;

/// Questions that may be with the provider at a time; those for further realms wait their turn.
pub const ACTIVATIONS_MAX: usize = 256;
/// Clients that may wait for one realm; further ones are refused with `wamp.error.unavailable`.
pub const WAITERS_PER_REALM_MAX: usize = 1_024;
/// Clients that may wait for all realms together.
pub const WAITERS_MAX: usize = 4_096;
/// An answer of the provider that takes longer, the wait for a turn not included, is a refusal.
pub const ACTIVATION_DEADLINE: Duration = Duration::from_secs(30);

/// The lines of all realms that somebody waits for.
pub(super) struct Lines {
    table: Mutex<Table>,
    turns: Arc<Semaphore>,
}

impl Default for Lines {
    fn default() -> Self {
        Lines { table: Mutex::default(), turns: Arc::new(Semaphore::new(ACTIVATIONS_MAX)) }
    }
}

impl Lines {
    /// Whether somebody is about to join a realm.
    pub(super) fn expects(&self, realm: &str) -> bool {
        self.table.lock().expected.contains_key(realm)
    }
}

#[derive(Default)]
struct Table {
    last: u64,
    waiting: usize,
    /// Clients by realm that wait, or have been answered and not joined yet.
    expected: HashMap<String, usize>,
    /// Each has a task, which ends with it.
    lines: HashMap<String, Line>,
}

/// Those that wait for one realm, in the order in which they came.
type Line = BTreeMap<u64, Waiter>;

struct Waiter {
    activation: Activation,
    answer: oneshot::Sender<Result<(), NotActivated>>,
}

/// A place in a line, left when it is dropped.
struct Place {
    shared: Arc<Shared>,
    realm: String,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.shared.provision.lines.table.lock();
        table.remove(&self.realm, self.number);
        if let Some(expected) = table.expected.get_mut(&self.realm) {
            *expected -= 1;
            if *expected == 0 {
                table.expected.remove(&self.realm);
            }
        }
    }
}

impl Table {
    fn remove(&mut self, realm: &str, number: u64) -> Option<Waiter> {
        let waiter = self.lines.get_mut(realm)?.remove(&number)?;
        self.waiting -= 1;
        Some(waiter)
    }

    /// The first in line; the line is gone if there is none.
    fn first(&mut self, realm: &str) -> Option<(u64, Activation)> {
        match self.lines.get(realm)?.first_key_value() {
            Some((number, waiter)) => Some((*number, waiter.activation.clone())),
            None => {
                self.lines.remove(realm);
                None
            }
        }
    }

    fn has_line(&self, realm: &str) -> bool {
        self.lines.get(realm).is_some_and(|line| !line.is_empty())
    }

    /// All that a refusal of this activation holds for, in order.
    fn refused(&mut self, activation: &Activation) -> Vec<Waiter> {
        let Some(line) = self.lines.get(&activation.realm) else { return Vec::new() };
        let is_meant = |waiter: &Waiter| match activation.missing {
            Missing::Realm => true,
            Missing::Role => waiter.activation.authrole == activation.authrole,
        };
        let numbers: Vec<u64> =
            line.iter().filter(|(_, waiter)| is_meant(waiter)).map(|(number, _)| *number).collect();
        numbers.into_iter().filter_map(|number| self.remove(&activation.realm, number)).collect()
    }
}

/// Gets in line; what comes of it.
pub(super) fn join(
    shared: &Arc<Shared>,
    activation: Activation,
) -> impl Future<Output = Result<(), NotActivated>> + Send + use<> {
    let placed = take_place(shared, activation);
    async move {
        let (_place, answer) = placed?;
        // Only a defect ends the line without a word.
        answer
            .await
            .unwrap_or_else(|_| Err(NotActivated::new(uris::UNAVAILABLE, "the realm cannot be started now")))
    }
}

type Answer = oneshot::Receiver<Result<(), NotActivated>>;

fn take_place(shared: &Arc<Shared>, activation: Activation) -> Result<(Place, Answer), NotActivated> {
    let realm = activation.realm.clone();
    let (sender, answer) = oneshot::channel();
    let mut table = shared.provision.lines.table.lock();
    let in_line = table.lines.get(&realm).map_or(0, Line::len);
    let is_new = !table.lines.contains_key(&realm);
    // A line outlasts its clients while it is asked for them.
    let is_full = if is_new { table.lines.len() >= WAITERS_MAX } else { in_line >= WAITERS_PER_REALM_MAX };
    if is_full || table.waiting >= WAITERS_MAX {
        return Err(NotActivated::new(
            uris::UNAVAILABLE,
            "too many clients wait for realms to start; try again later",
        ));
    }
    table.last += 1;
    table.waiting += 1;
    let number = table.last;
    let waiter = Waiter { activation, answer: sender };
    *table.expected.entry(realm.clone()).or_default() += 1;
    table.lines.entry(realm.clone()).or_default().insert(number, waiter);
    if is_new {
        tokio::spawn(serve(shared.clone(), realm.clone()));
    }
    drop(table);
    Ok((Place { shared: shared.clone(), realm, number }, answer))
}

/// Asks for the first in line until there is none.
async fn serve(shared: Arc<Shared>, realm: String) {
    let lines = &shared.provision.lines;
    loop {
        let Some((number, mut activation)) = lines.table.lock().first(&realm) else { return };
        let outcome = match missing(&shared, &activation) {
            None => Ok(()),
            Some(missing) => {
                activation.missing = missing;
                let outcome = start(&shared, &activation).await;
                // A realm that has just been started may have its roles by templates: the role is the next question.
                if outcome.is_ok() && self::missing(&shared, &activation).is_some() {
                    continue;
                }
                outcome
            }
        };
        let answered: Vec<Waiter> = {
            let mut table = lines.table.lock();
            match &outcome {
                Err(refused) if refused.holds_for == HoldsFor::Everybody => table.refused(&activation),
                _ => table.remove(&realm, number).into_iter().collect(),
            }
        };
        for waiter in answered {
            // It may have gone.
            let _ = waiter.answer.send(outcome.clone());
        }
    }
}

/// What a client cannot do without.
fn missing(shared: &Shared, activation: &Activation) -> Option<Missing> {
    let Activation { realm, authrole, proof, .. } = activation;
    match shared.realm_that_is_up(realm) {
        Some(realm) if !realm.has_role(authrole) => Some(Missing::Role),
        Some(_) => None,
        // Whether one that went down is started afresh is decided when the client joins.
        None => match shared.would_admit_afresh(realm, authrole, *proof) {
            None => Some(Missing::Realm),
            Some(None) => Some(Missing::Role),
            Some(Some(_)) => None,
        },
    }
}

/// Asks the provider, and looks whether it has done what it says. A realm may be there without the role.
async fn start(shared: &Arc<Shared>, activation: &Activation) -> Result<(), NotActivated> {
    let Activation { realm, authrole, .. } = activation;
    let outcome = ask(shared, activation).await;
    let outcome = match (outcome, missing(shared, activation)) {
        (Ok(()), Some(Missing::Role)) if activation.missing == Missing::Realm => Ok(()),
        (Ok(()), Some(_)) => Err(absent(activation)),
        (outcome, _) => outcome,
    };
    let Err(refused) = outcome else { return Ok(()) };
    if !refused.is_told && !refused.is_of_proof {
        shared.quota.log(Kind::Activation, || {
            let (authid, reason) = (&activation.authid, &refused.uri);
            let (peer, behind_proxy) = (activation.transport.str("peer"), activation.behind_proxy.as_deref());
            let why = &refused.message;
            info!(realm, %authrole, %authid, peer, behind_proxy, reason, why, "realm is not started for a client");
        });
    }
    Err(refused.told())
}

async fn ask(shared: &Arc<Shared>, activation: &Activation) -> Result<(), NotActivated> {
    let Some(provider) = shared.provision.provider() else { return Err(absent(activation)) };
    let Ok(_turn) = shared.provision.lines.turns.acquire().await else { return Err(absent(activation)) };
    if !shared.provision.lines.table.lock().has_line(&activation.realm) {
        return Err(NotActivated::new(uris::UNAVAILABLE, "nobody waits for the realm any more"));
    }
    let question = activation.clone();
    let asked = tokio::spawn(async move { provider.activate(question).await });
    match timeout(ACTIVATION_DEADLINE, AbortOnDrop(asked)).await {
        Ok(Some(outcome)) => outcome,
        Ok(None) => {
            warn!(realm = activation.realm, "the realm provider panicked");
            Err(absent(activation))
        }
        Err(_) => {
            let text = format!("realm {:?} did not start within {ACTIVATION_DEADLINE:?}", activation.realm);
            Err(NotActivated::new(uris::UNAVAILABLE, text))
        }
    }
}

/// As if there were no provider.
fn absent(activation: &Activation) -> NotActivated {
    let Activation { realm, authrole, missing, .. } = activation;
    match missing {
        Missing::Realm => {
            NotActivated::new(uris::NO_SUCH_REALM, format!("no realm {realm:?} exists on this router"))
        }
        Missing::Role => NotActivated::new(
            uris::NO_SUCH_ROLE,
            format!("role {authrole:?} does not exist on realm {realm:?}"),
        ),
    }
}

#[cfg(test)]
mod tests;
