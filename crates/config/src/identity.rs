//! Who can come in through a transport, as far as the configuration alone says it.

use crate::auth::{Auth, Method};
use crate::authmethod::AuthMethod;
use crate::service::WebService;
use crate::transport::{Protocol, Transport};

/// An authid that the configuration knows, with the role it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity<'n> {
    /// The authid.
    pub authid: &'n str,
    /// Its authrole.
    pub role: &'n str,
    /// The realm it is sent to; without one, any of the worker that has the role.
    pub realm: Option<&'n str>,
    /// How it proves who it is.
    pub method: AuthMethod,
}

impl Auth {
    /// The authids that are named here, each with its role; those that a procedure or function knows are not.
    pub fn identities(&self) -> Vec<Identity<'_>> {
        let Self { anonymous, ticket, wampcra, scram, cryptosign, tls, .. } = self;
        let anonymous = anonymous.as_ref().and_then(Method::known).and_then(|it| {
            let authid = it.authid.as_deref()?;
            Some(identity(AuthMethod::Anonymous, authid, &it.role, &it.realm))
        });
        let mut identities: Vec<Identity<'_>> = anonymous.into_iter().collect();
        identities
            .extend(all(ticket).map(|it| identity(AuthMethod::Ticket, &it.authid, &it.role, &it.realm)));
        identities
            .extend(all(wampcra).map(|it| identity(AuthMethod::WampCra, &it.authid, &it.role, &it.realm)));
        identities.extend(all(scram).map(|it| identity(AuthMethod::Scram, &it.authid, &it.role, &it.realm)));
        identities.extend(
            all(cryptosign).map(|it| identity(AuthMethod::Cryptosign, &it.authid, &it.role, &it.realm)),
        );
        identities.extend(all(tls).map(|it| identity(AuthMethod::Tls, &it.authid, &it.role, &it.realm)));
        identities
    }
}

/// The principals that stand in the configuration.
fn all<T>(method: &Option<Method<Vec<T>>>) -> impl Iterator<Item = &T> {
    method.as_ref().and_then(Method::known).into_iter().flatten()
}

fn identity<'n>(
    method: AuthMethod,
    authid: &'n str,
    role: &'n str,
    realm: &'n Option<String>,
) -> Identity<'n> {
    Identity { authid, role, realm: realm.as_deref(), method }
}

impl Transport {
    /// `auth` of each of its parts.
    pub fn auths(&self) -> Vec<&Auth> {
        match &self.protocol {
            Protocol::WebSocket(it) => vec![&it.auth],
            Protocol::RawSocket(it) => vec![&it.auth],
            Protocol::Web(web) => web.paths.iter().filter_map(|path| auth_of(&path.service)).collect(),
            Protocol::Mqtt(it) => vec![&it.auth],
            Protocol::Linked(it) => vec![&it.auth],
            Protocol::FlashPolicy(_) | Protocol::WebSocketTestee(_) | Protocol::StreamTestee => Vec::new(),
            Protocol::Universal(it) => {
                let rawsocket = it.rawsocket.iter().map(|it| &it.auth);
                let websocket = it.websocket.iter().map(|path| &path.websocket.auth);
                let web = it.web.iter().flat_map(|web| &web.paths).filter_map(|path| auth_of(&path.service));
                let mqtt = it.mqtt.iter().map(|it| &it.auth);
                rawsocket.chain(websocket).chain(web).chain(mqtt).collect()
            }
        }
    }
}

fn auth_of(service: &WebService) -> Option<&Auth> {
    match service {
        WebService::WebSocket(it) => Some(&it.auth),
        WebService::LongPoll(it) => Some(&it.auth),
        _ => None,
    }
}
