//! `auth.anonymous-proxy` and `auth.cryptosign-proxy`: proxies, which say whom they have let in.

use super::asked::{Dynamic, Function};
use super::principals::hexadecimal;
use super::{By, Kind, Method};
use crate::authmethod::AuthMethod;
use crate::reading::{Fields, Finding, Reading};
use crate::realm::Realm;

/// A proxy with private keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyPrincipal {
    /// The key in `principals`.
    pub authid: String,
    /// `realm`: the only realm for whose clients it speaks. Default: all.
    pub realm: Option<String>,
    /// `authorized_keys`: its public keys (Ed25519), 64 hexadecimal digits each. At least one.
    pub authorized_keys: Vec<[u8; 32]>,
}

pub(super) fn read_anonymous(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> bool {
    let Some(mut fields) = fields.part(reading, "anonymous-proxy", "authentication of proxies") else {
        return false;
    };
    fields.word(reading, "type", &[("static", ())]);
    fields.finish(reading);
    true
}

pub(super) fn read_cryptosign(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    realms: &[Realm],
) -> Option<Method<Vec<ProxyPrincipal>>> {
    let mut fields = fields.part(reading, "cryptosign-proxy", "authentication of proxies")?;
    let kind = fields.word(reading, "type", super::KINDS).unwrap_or(Kind::Static);
    let by = By { realms, method: AuthMethod::Cryptosign };
    let method = match kind {
        Kind::Static => Method::Static(read_proxies(reading, &mut fields)),
        Kind::Dynamic => Method::Dynamic(Dynamic::read(reading, &mut fields, &by)),
        Kind::Function => Method::Function(Function::read(reading, &mut fields)),
    };
    fields.finish(reading);
    Some(method)
}

fn read_proxies(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<ProxyPrincipal> {
    let mut proxies = Vec::new();
    let list = fields.required(reading, "principals");
    let list = list.and_then(|at| reading.object(at, "the proxies by authid"));
    let listed = list.map(|list| list.named(reading)).unwrap_or_default();
    for (entry, at) in listed {
        proxies.extend(read_proxy(reading, &entry.key, at));
    }
    proxies
}

fn read_proxy(reading: &mut Reading<'_>, authid: &str, at: crate::reading::At<'_>) -> Option<ProxyPrincipal> {
    let mut fields = reading.object(at, "a proxy")?;
    let realm = fields.text(reading, "realm");
    // As in Crossbar.io it is there and means nothing: clients have the roles that their proxy says.
    fields.text(reading, "role");
    let list = fields.required(reading, "authorized_keys")?;
    let mut authorized_keys = Vec::new();
    for at in reading.elements(&list, "a list of public keys") {
        authorized_keys.extend(hexadecimal(reading, &at, 32).and_then(|key| <[u8; 32]>::try_from(key).ok()));
    }
    if authorized_keys.is_empty() && reading.elements(&list, "").is_empty() {
        reading.report(&list, Finding::error("this proxy has no key").expected("at least one"));
    }
    fields.finish(reading);
    Some(ProxyPrincipal { authid: authid.to_owned(), realm, authorized_keys })
}
