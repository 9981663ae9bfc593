//! Who can come in through a transport, as far as the configuration alone says it.

use crate::auth::Auth;
use crate::transport::{Protocol, Transport, WebService};

/// An authid that the configuration knows, with the role it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity<'n> {
    /// The authid.
    pub authid: &'n str,
    /// Its authrole.
    pub role: &'n str,
    /// The realm it is sent to; without one, any of the worker that has the role.
    pub realm: Option<&'n str>,
}

impl Auth {
    /// The authids that are named here, each with its role.
    pub fn identities(&self) -> Vec<Identity<'_>> {
        let anonymous = self.anonymous.iter().filter_map(|it| {
            let authid = it.authid.as_deref()?;
            Some(Identity { authid, role: &it.role, realm: it.realm.as_deref() })
        });
        anonymous.collect()
    }
}

impl Transport {
    /// `auth` of each of its parts.
    pub fn auths(&self) -> Vec<&Auth> {
        match &self.protocol {
            Protocol::WebSocket(it) => vec![&it.auth],
            Protocol::RawSocket(it) => vec![&it.auth],
            Protocol::Web(web) => web.paths.iter().map(|path| auth_of(&path.service)).collect(),
            Protocol::Universal(it) => {
                let rawsocket = it.rawsocket.iter().map(|it| &it.auth);
                let websocket = it.websocket.iter().map(|path| &path.websocket.auth);
                let web = it.web.iter().flat_map(|web| &web.paths).map(|path| auth_of(&path.service));
                rawsocket.chain(websocket).chain(web).collect()
            }
        }
    }
}

fn auth_of(service: &WebService) -> &Auth {
    match service {
        WebService::WebSocket(it) => &it.auth,
    }
}
