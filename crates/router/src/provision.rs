//! Realms and roles that start when somebody first needs them.
//!
//! ```text
//!  HELLO ─▶ who is it? ─▶ realm and role there? ─── yes ─────────────────────────▶ WELCOME
//!              │                  │ no                                                ▲
//!              ▼                  ▼                                                   │ started, or there by now
//!            ABORT          in the realm's line ─▶ first in line: the provider is asked, one at a time
//!                                                                                     │ refused
//!                                                                                     ▼
//!                                                                                   ABORT
//! ```
//!
//! Nothing is asked before a client has proven who it is. However many wait for one realm, the provider is asked once: whoever
//! finds the realm and its role there when its turn comes joins without a question, in the order in which they came.

mod line;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crossweave_wamp::message::Abort;
use crossweave_wamp::{AuthMethod, Dict, MatchPolicy, Strictness, uri, uris};
use parking_lot::RwLock;

use crate::authenticate::{Caller, Grant, Refusal, Verdict};
use crate::internal::{TRUSTED, is_own_role};
use crate::router::Shared;
use line::Lines;
pub use line::{ACTIVATION_DEADLINE, ACTIVATIONS_MAX, WAITERS_MAX, WAITERS_PER_REALM_MAX};

/// The longest name of a realm that a provider is asked for, in octets.
pub const REALM_NAME_LEN_MAX: usize = 255;

/// How often one HELLO may lead to a question. More than one is needed only if a realm ends while somebody joins it.
const QUESTIONS_PER_HELLO_MAX: u8 = 3;

/// What is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The realm.
    Realm,
    /// The realm runs; the role is not there.
    Role,
}

/// A client, proven to be who it says, wants to join a realm that does not run, or in a role that is not there.
#[derive(Clone, Debug)]
pub struct Activation {
    /// The realm: a URI of at most [`REALM_NAME_LEN_MAX`] octets, chosen by the client unless its authentication says otherwise.
    pub realm: String,
    /// The role it is to have.
    pub authrole: Arc<str>,
    /// Who it is.
    pub authid: Arc<str>,
    /// How it has proven that; `anonymous` if not at all, `trusted` for a part of this program.
    pub authmethod: &'static str,
    /// The same; of a client with a cookie, how it had proven who it is when it got that. None if that is not known.
    pub proof: Option<AuthMethod>,
    /// To whom: `static`, `dynamic`, ….
    pub authprovider: &'static str,
    /// The `transport` dict of the meta API: kind of channel, peer address, serializer.
    pub transport: Dict,
    /// Where the client is, if it came by a proxy, as that tells: like `peer` of `transport`, which is the proxy then. None
    /// otherwise, whatever the client says of itself.
    pub behind_proxy: Option<Box<str>>,
    /// What is to be started.
    pub missing: Missing,
}

/// Why a realm or role is not started. Both texts are sent to the client in an ABORT, unless it is
/// [unproven](NotActivated::unproven).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{uri}: {message}")]
pub struct NotActivated {
    /// The reason, a URI such as `wamp.error.no_such_realm`.
    pub uri: String,
    /// One sentence.
    pub message: String,
    /// Whom it holds for.
    pub holds_for: HoldsFor,
    /// The client is told no more than others whose login fails; the log has the sentence.
    pub is_of_proof: bool,
    /// The log has it already: nothing more is said of it there.
    pub is_told: bool,
}

/// Whom a refusal holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldsFor {
    /// All that wait for the same realm, or for the same role of it.
    Everybody,
    /// The client that was asked for: another one may be let in.
    ThisClient,
}

impl NotActivated {
    /// A refusal of the realm or role as such.
    pub fn new(uri: impl Into<String>, message: impl Into<String>) -> NotActivated {
        NotActivated {
            uri: uri.into(),
            message: message.into(),
            holds_for: HoldsFor::Everybody,
            is_of_proof: false,
            is_told: false,
        }
    }

    /// A refusal of this client, which says nothing about the next one.
    pub fn this_client(uri: impl Into<String>, message: impl Into<String>) -> NotActivated {
        NotActivated { holds_for: HoldsFor::ThisClient, ..NotActivated::new(uri, message) }
    }

    /// The same, of which whoever refuses has told the log.
    #[must_use]
    pub fn told(self) -> NotActivated {
        NotActivated { is_told: true, ..self }
    }

    /// A refusal of this client, which has proven who it is by less than it takes. It gets
    /// `wamp.error.authentication_failed`, as others whose login fails; the cause is for the log.
    pub fn unproven(cause: impl Into<String>) -> NotActivated {
        NotActivated { is_of_proof: true, ..NotActivated::this_client(uris::AUTHENTICATION_FAILED, cause) }
    }
}

/// What a provider answers, sooner or later.
pub type Activating<'a> = Pin<Box<dyn Future<Output = Result<(), NotActivated>> + Send + 'a>>;

/// Starts realms, and roles in them, when a client first needs them.
///
/// Set with [`Router::set_realm_provider`](crate::Router::set_realm_provider).
pub trait RealmProvider: Send + Sync {
    /// Starts what is missing: `Ok` once it is there ([`Router::start_realm`](crate::Router::start_realm),
    /// [`Router::set_role`](crate::Router::set_role)).
    ///
    /// One question at a time is asked for one realm, [`ACTIVATIONS_MAX`] at a time in all. An answer that takes longer than
    /// [`ACTIVATION_DEADLINE`] and a panic are refusals of the realm or role, and the future is dropped. The clients wait no longer
    /// than their transport's handshake may take; the question goes on when they are gone.
    fn activate(&self, activation: Activation) -> Activating<'_>;

    /// The first session from outside has joined the realm. Sessions of the router itself and of
    /// [`Router::connect_local`](crate::Router::connect_local) and [`Router::serve`](crate::Router::serve) do not count, nor do
    /// those of the [`background_roles`](crate::RealmDefinition::background_roles).
    ///
    /// This and [`RealmProvider::emptied`] are told in turns, while no realm and no queue is locked, by the task of
    /// whoever joined or left: do not block here, and do not wait for the router.
    fn occupied(&self, realm: &str) {
        let _ = realm;
    }

    /// The last session from outside has left the realm; those that can be resumed have left when their time is over. Not
    /// told of realms that are stopped, nor of one that nobody has joined since it started.
    /// [`Router::stop_realm_if_empty`](crate::Router::stop_realm_if_empty) stops the realm unless somebody has joined in the
    /// meantime, or is about to.
    fn emptied(&self, realm: &str) {
        let _ = realm;
    }
}

/// Who provides a router's realms, and who waits for that.
#[derive(Default)]
pub(crate) struct Provision {
    provider: RwLock<Option<Arc<dyn RealmProvider>>>,
    lines: Lines,
}

impl fmt::Debug for Provision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provision").finish_non_exhaustive()
    }
}

impl Provision {
    pub(crate) fn set(&self, provider: Option<Arc<dyn RealmProvider>>) {
        // Dropped when the lock is free: it may hold the router.
        let _before = std::mem::replace(&mut *self.provider.write(), provider);
    }

    /// Whether anybody can be asked.
    pub(crate) fn is_set(&self) -> bool {
        self.provider.read().is_some()
    }

    /// Whether somebody who had to wait is about to join a realm.
    pub(crate) fn expects(&self, realm: &str) -> bool {
        self.lines.expects(realm)
    }

    pub(crate) fn provider(&self) -> Option<Arc<dyn RealmProvider>> {
        self.provider.read().clone()
    }
}

/// A client with this grant was not admitted, for this reason. If a provider can help, what comes of asking it.
pub(crate) fn ask(
    shared: &Arc<Shared>,
    mut grant: Box<Grant>,
    caller: &Caller,
    abort: &Abort,
) -> Option<Pin<Box<dyn Future<Output = Verdict> + Send>>> {
    let realm = grant.realm.clone()?;
    let is_missing = abort.reason == uris::NO_SUCH_REALM || abort.reason == uris::NO_SUCH_ROLE;
    let may_ask = grant.questions < QUESTIONS_PER_HELLO_MAX;
    if !is_missing || !may_ask || grant.method == TRUSTED || is_own_role(&grant.authrole) || !is_name(&realm)
    {
        return None;
    }
    grant.questions += 1;
    let activation = Activation {
        realm,
        authrole: grant.authrole.clone(),
        authid: grant.authid.clone(),
        authmethod: grant.method,
        proof: grant.proof,
        authprovider: grant.provider,
        transport: caller.transport(),
        behind_proxy: grant.behind_proxy.clone(),
        missing: Missing::Realm,
    };
    let waiting = line::join(shared, activation);
    Some(Box::pin(async move {
        match waiting.await {
            Ok(()) => Verdict::Admit(grant),
            Err(NotActivated { message, is_of_proof: true, .. }) => {
                Verdict::Refuse(Refusal::unproven(grant.method, Some(&grant.authid), message))
            }
            Err(NotActivated { uri, message, is_told, .. }) => {
                let refusal = grant.refusal(Refusal::plain(&uri, message));
                Verdict::Refuse(Refusal { is_told, ..refusal })
            }
        }
    }))
}

/// A part of this program needs a realm and a role. The provider is asked for them as for a client; whether they are there
/// after that is for the one who joins to see.
pub(crate) async fn provide(
    shared: &Arc<Shared>,
    realm: &str,
    authrole: &str,
    authid: &str,
) -> Result<(), NotActivated> {
    if !shared.provision.is_set() || is_own_role(authrole) || !is_name(realm) {
        return Ok(());
    }
    let activation = Activation {
        realm: realm.to_owned(),
        authrole: authrole.into(),
        authid: authid.into(),
        authmethod: TRUSTED,
        proof: None,
        authprovider: "static",
        transport: Dict::new(),
        behind_proxy: None,
        missing: Missing::Realm,
    };
    line::join(shared, activation).await
}

/// Whether a realm could have this name.
fn is_name(realm: &str) -> bool {
    realm.len() <= REALM_NAME_LEN_MAX && uri::check(realm, MatchPolicy::Exact, Strictness::Loose).is_ok()
}
