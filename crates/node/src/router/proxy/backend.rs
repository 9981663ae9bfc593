//! A router behind a proxy: the way there, and whether it can be reached.

use std::sync::Arc;
use std::time::Duration;

use crossweave_client::{
    Auth, Client, ConnectError, JoinError, Options, Pipe, PrivateKey, Reconnect, Session, WampError, uris,
};
use crossweave_config as config;
use crossweave_config::{ConnectingEndpoint, ProxyAuth};
use crossweave_router::{ASKING_PROVIDER, Forwarded, NotForwarded};
use crossweave_wamp::Dict;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use crate::component::{client_options, url};

/// How long a router is waited for if there is another one.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How long a router that could not be reached is left alone if there is another one.
const LEFT_ALONE: Duration = Duration::from_secs(5);
/// The authid of the proxy's own sessions.
const OWN_AUTHID: &str = "crossweave";
/// Octets of an answer to the proxy itself.
const ANSWER_LEN_MAX: usize = 256 * 1024;

/// A router behind the proxy.
pub(super) struct Backend {
    url: String,
    /// The realm there, if it is not the one that clients ask for.
    realm: Option<String>,
    options: Options,
    /// It could not be reached when it was tried last, and is tried again in its turn from then on.
    down_until: Mutex<Option<Instant>>,
}

/// Why there is no session at any router: what one of them says about the client, if one does.
type NotOpened = Option<NotForwarded>;

impl Backend {
    /// # Errors
    /// It cannot be connected to like this.
    pub(super) fn new(connection: &config::ProxyConnection, key: PrivateKey) -> Result<Backend, String> {
        let transport = &connection.transport;
        let options = client_options(transport, None)?;
        let is_anonymous = match connection.auth {
            Some(auth) => auth == ProxyAuth::Anonymous,
            None => transport.is_local(),
        };
        let auth = match is_anonymous {
            true => Auth::AnonymousProxy,
            false => Auth::CryptosignProxy { authid: None, key },
        };
        let seconds = match &transport.endpoint {
            ConnectingEndpoint::Tcp(tcp) => tcp.timeout,
            ConnectingEndpoint::Unix { timeout, .. } => *timeout,
        };
        let connect_timeout = match seconds {
            0 => options.connect_timeout,
            seconds => Duration::from_secs(seconds.into()),
        };
        let serializers = super::super::links::serializers(transport);
        let options = Options { auth, serializers, connect_timeout, reconnect: Reconnect::Off, ..options };
        let (url, realm) = (url(transport)?, connection.realm.clone());
        Ok(Backend { url, realm, options, down_until: Mutex::default() })
    }

    #[cfg(test)]
    pub(super) fn nowhere() -> Backend {
        let (url, realm, options) = ("unix:nowhere".to_owned(), None, Options::default());
        Backend { url, realm, options, down_until: Mutex::default() }
    }

    /// Opens a session for a client, whose proxy says who it is.
    pub(super) async fn open(&self, client: &Forwarded) -> Result<(Pipe, Session), ConnectError> {
        let realm = self.realm.as_deref().unwrap_or(&client.realm);
        let authextra = Dict::new()
            .with("proxy_realm", realm)
            .with("proxy_authid", &*client.authid)
            .with("proxy_authrole", &*client.authrole)
            .with("proxy_authmethod", client.authmethod)
            .with("proxy_authprovider", client.authprovider)
            .with("proxy_authextra", client.authextra.clone())
            .with("transport", client.transport.clone());
        let options = Options { authextra, ..self.options.clone() };
        Pipe::open(&self.url, realm, client.roles.clone(), &options).await
    }

    /// Opens a session for the proxy itself, to ask in this role.
    pub(super) async fn join(&self, realm: &str, role: &str) -> Result<Client, ConnectError> {
        let realm = self.realm.as_deref().unwrap_or(realm);
        let authextra = Dict::new()
            .with("proxy_realm", realm)
            .with("proxy_authid", OWN_AUTHID)
            .with("proxy_authrole", role)
            .with("proxy_authprovider", ASKING_PROVIDER);
        let options = Options { authextra, message_len_max: ANSWER_LEN_MAX, ..self.options.clone() };
        Client::connect_with(&self.url, realm, options).await
    }

    /// Whether it is to be tried in its turn. One that could not be reached is so once in a while.
    fn is_due(&self) -> bool {
        let mut down_until = self.down_until.lock();
        let now = Instant::now();
        match *down_until {
            Some(until) if until > now => false,
            Some(_) => {
                *down_until = Some(now + LEFT_ALONE);
                true
            }
            None => true,
        }
    }

    /// Notes whether it can be reached, and tells what is new.
    fn note(&self, name: &str, failure: Option<&dyn std::fmt::Display>) {
        let down_until = failure.map(|_| Instant::now() + LEFT_ALONE);
        let was_down = std::mem::replace(&mut *self.down_until.lock(), down_until).is_some();
        match failure {
            Some(error) if !was_down => warn!(connection = name, "{error}"),
            Some(error) => debug!(connection = name, "{error}"),
            None if was_down => info!(connection = name, "the router can be reached again"),
            None => {}
        }
    }
}

/// Opens something at the first of these routers that can be reached; those that were not lately come last. Also says which one
/// it is.
///
/// # Errors
/// None can be, or one says no for a reason that is the client's.
pub(super) async fn first_that_answers<T, F: Future<Output = Result<T, ConnectError>>>(
    candidates: Vec<(String, Arc<Backend>)>,
    open: impl Fn(Arc<Backend>) -> F,
) -> Result<(String, T), NotOpened> {
    let (due, later): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|(_, backend)| backend.is_due());
    let mut left = due.len() + later.len();
    for (name, backend) in due.into_iter().chain(later) {
        left -= 1;
        let opening = open(backend.clone());
        let opened = match left {
            0 => opening.await,
            _ => match timeout(ATTEMPT, opening).await {
                Ok(opened) => opened,
                Err(_) => {
                    let late = format!("{} does not answer within {} s", backend.url, ATTEMPT.as_secs());
                    backend.note(&name, Some(&late));
                    continue;
                }
            },
        };
        match opened {
            Ok(opened) => {
                backend.note(&name, None);
                return Ok((name, opened));
            }
            Err(error) => match about_the_client(&error) {
                Some(refusal) => {
                    backend.note(&name, None);
                    return Err(Some(refusal));
                }
                None => backend.note(&name, Some(&error)),
            },
        }
    }
    Err(None)
}

/// What a router says about the client rather than about the proxy.
fn about_the_client(error: &ConnectError) -> Option<NotForwarded> {
    let ConnectError::Join { cause: JoinError::Refused(WampError { uri, args, .. }), .. } = error else {
        return None;
    };
    let is_about_it = [uris::NO_SUCH_REALM, uris::NO_SUCH_ROLE].contains(&uri.as_str());
    let message = args.first().and_then(|text| text.as_str()).unwrap_or("the router has refused").to_owned();
    is_about_it.then(|| NotForwarded { uri: uri.clone(), message })
}
