//! Proxies, which say for whom they speak: `anonymous-proxy` and `cryptosign-proxy`, as Crossbar.io names them.
//!
//! Who the client is, its proxy has found out. It says so in `HELLO.Details.authextra`: `proxy_realm`, `proxy_authid`,
//! `proxy_authrole`, `proxy_authextra`, and, beyond Crossbar.io, `proxy_authmethod` and `proxy_authprovider`. Where the client is, it
//! says in `transport`, as in the meta API.

use crossweave_auth::cryptosign::PublicKey;
use crossweave_transport::PeerAddress;
use crossweave_wamp::authmethod::OwnMethod;
use crossweave_wamp::{AuthMethod, Dict};

use super::asked::Question;
use super::start::Attempt;
use super::{Grant, Verdict, excerpt};
use crate::methods::{Directory, Source};
use crate::upstream::ASKING_PROVIDER;

/// How clients may have been looked up; the last one is the proxy itself, which asks who a client is.
const PROVIDERS: [&str; 5] = ["static", "dynamic", "function", "cookie", ASKING_PROVIDER];

/// The longest text that says where a client is, in octets; that of an IPv6 address with a port has at most 53.
const PEER_LEN_MAX: usize = 100;

impl Attempt {
    /// A proxy on this machine: that it reaches the socket is its proof.
    pub(super) fn anonymous_proxy(self) -> Verdict {
        if !matches!(self.caller.address, PeerAddress::Unix { .. } | PeerAddress::Memory) {
            return self.unproven("anonymous-proxy is for Unix sockets only");
        }
        match self.client() {
            Ok(grant) => Verdict::Admit(Box::new(grant)),
            Err(what) => Verdict::Refuse(self.malformed_refusal(what)),
        }
    }

    /// A proxy that has to prove that it has a key.
    pub(super) fn cryptosign_proxy(self, source: &Source<Directory<Vec<PublicKey>>>) -> Verdict {
        let client = match self.client() {
            Ok(client) => client,
            Err(what) => return Verdict::Refuse(self.malformed_refusal(what)),
        };
        let proxy = Attempt { realm: client.realm.clone(), ..self.clone() };
        let asked = match source {
            Source::Static(directory) => return self.speaks_for(client, proxy.cryptosign_of(directory)),
            Source::Asked(asked) => asked,
        };
        // As in Crossbar.io, a proxy without an authid of its own is asked about by that of the client.
        let authid = self.authid.clone().or_else(|| Some(client.authid.to_string()));
        match Question::new(Attempt { authid, ..proxy }, asked.clone()).ask() {
            Verdict::Wait(answer, late) => {
                Verdict::Wait(Box::pin(async move { self.speaks_for(client, answer.await) }), late)
            }
            other => other,
        }
    }

    /// Who proves to be the proxy is its client from then on, if the proxy may speak for those of that realm.
    fn speaks_for(&self, client: Grant, proxy: Verdict) -> Verdict {
        match proxy {
            // A realm of the proxy's own is the only one that it may speak for.
            Verdict::Challenge(_, pending) if pending.grant.realm != client.realm => {
                let realm = excerpt(client.realm.as_deref().unwrap_or_default());
                self.unproven(format!("the proxy may not speak for clients of realm {realm:?}"))
            }
            Verdict::Challenge(challenge, mut pending) => {
                // The id that whoever was asked has been told.
                let session = pending.grant.session;
                pending.grant = Grant { session, ..client };
                Verdict::Challenge(challenge, pending)
            }
            other => other,
        }
    }

    /// For whom it speaks.
    fn client(&self) -> Result<Grant, String> {
        let none = Dict::new();
        let extra = self.authextra.as_ref().unwrap_or(&none);
        let text = |key: &str| extra.str(key).filter(|text| !text.is_empty());
        let needed = |key: &str| text(key).ok_or_else(|| format!("authextra has no {key}"));
        let (authid, authrole) = (needed("proxy_authid")?, needed("proxy_authrole")?);
        let method = text("proxy_authmethod");
        let proof = method.and_then(AuthMethod::parse);
        // One of the proxy's program, which no role here asks for. It is not declared: who says so has proven nothing so far.
        let shown_method = method.filter(|name| proof.is_none() && OwnMethod::is_name(name)).map(Into::into);
        let provider = text("proxy_authprovider");
        let provider = PROVIDERS.into_iter().find(|known| Some(*known) == provider).unwrap_or("static");
        let mut grant = self.grant(authid, authrole, None, provider);
        grant.realm = Some(needed("proxy_realm")?.to_owned());
        grant.authextra = extra.dict("proxy_authextra").cloned().unwrap_or_default();
        grant.method = proof.map_or(self.method, AuthMethod::name);
        grant.proof = proof;
        grant.shown_method = shown_method;
        let peer = extra.dict("transport").and_then(|transport| transport.str("peer"));
        grant.behind_proxy = peer.filter(|peer| peer.len() <= PEER_LEN_MAX).map(Into::into);
        Ok(grant)
    }
}
