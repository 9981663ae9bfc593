//! `auth` of a configuration as the router wants it.

use crossweave_auth::cryptosign::PublicKey;
use crossweave_auth::scram::Kdf;
use crossweave_auth::scram::credential::{Credential as Scram, Hashing};
use crossweave_auth::{Secret, scram, wampcra};
use crossweave_config as config;
use crossweave_router::{
    Anonymous, Asked, CookieOptions, CookieStore, Fingerprint, Methods, NamedShelf, Own, Principal,
    Procedure, Source,
};
use crossweave_wamp::AuthMethod;

use super::Findings;

pub(super) fn methods(auth: &config::Auth, place: &str, findings: &mut Findings) -> Methods {
    for function in auth.functions() {
        let known = &findings.extensions.authenticators;
        if let Err(what) = known.find("authentication function", &function.create) {
            findings.obstacle(place, what);
        }
    }
    let config::Auth { anonymous, ticket, wampcra, scram, cryptosign, tls, cookie, .. } = auth;
    Methods {
        anonymous: anonymous.as_ref().map(|method| source(method, anonymous_principal)),
        ticket: ticket
            .as_ref()
            .map(|method| source(method, |list| list.iter().map(ticket_principal).collect())),
        wampcra: wampcra
            .as_ref()
            .map(|method| source(method, |list| list.iter().map(wampcra_user).collect())),
        scram: scram
            .as_ref()
            .map(|method| source(method, |list| list.iter().filter_map(scram_principal).collect())),
        cryptosign: cryptosign.as_ref().map(|method| {
            source(method, |list| list.iter().map(|it| cryptosign_principal(it, place, findings)).collect())
        }),
        cookie: *cookie,
        anonymous_proxy: auth.anonymous_proxy,
        cryptosign_proxy: auth.cryptosign_proxy.as_ref().map(|method| {
            source(method, |list| list.iter().map(|it| proxy_principal(it, place, findings)).collect())
        }),
        tls: tls.as_ref().map(|method| source(method, |list| list.iter().map(tls_principal).collect())),
        own: auth.own.iter().filter_map(|method| own(method, place, findings)).collect(),
    }
}

/// A method of the program's own.
fn own(method: &config::OwnMethod, place: &str, findings: &mut Findings) -> Option<Own> {
    let config::OwnMethod { name, create } = method;
    let by = match findings.extensions.login_methods.find("login method", create) {
        Ok(by) => by,
        Err(what) => {
            findings.obstacle(place, format!("`auth.{name}`: {what}"));
            return None;
        }
    };
    match AuthMethod::declare(name) {
        Ok(AuthMethod::Own(method)) => Some(Own { method, name: create.as_str().into(), by }),
        Ok(_) => {
            findings.obstacle(place, format!("`auth.{name}`: no login method can be called so"));
            None
        }
        Err(what) => {
            findings.obstacle(place, format!("`auth.{name}`: {what}"));
            None
        }
    }
}

/// The cookies of a WebSocket service.
pub(super) fn cookies(cookie: &config::Cookie, place: &str, findings: &mut Findings) -> CookieOptions {
    let config::Cookie { name, length, max_age, secure, http_strict, same_site, store } = cookie.clone();
    let store = match store {
        config::CookieStore::Memory => CookieStore::Memory,
        config::CookieStore::File { filename: path, purge_on_startup } => {
            CookieStore::File { path, purge_on_startup }
        }
        config::CookieStore::Database { path, purge_on_startup } => {
            CookieStore::Database { path, purge_on_startup }
        }
        config::CookieStore::Linked { name } => {
            match findings.extensions.cookie_stores.find("cookie store", &name) {
                Ok(shelf) => CookieStore::Shelf(NamedShelf::new(&name, shelf)),
                Err(what) => {
                    findings.obstacle(place, what);
                    CookieStore::Memory
                }
            }
        }
    };
    CookieOptions {
        name,
        length: length.into(),
        max_age_s: max_age.into(),
        secure,
        is_http_only: http_strict,
        same_site,
        store,
    }
}

fn source<C, T>(method: &config::Method<C>, fixed: impl FnOnce(&C) -> T) -> Source<T> {
    match method {
        config::Method::Static(it) => Source::Static(fixed(it)),
        config::Method::Function(function) => Source::Asked(Asked::Named(function.create.as_str().into())),
        config::Method::Dynamic(dynamic) => {
            let config::Dynamic { authenticator: uri, realm, role: authrole, default_role, pass_errors } =
                dynamic.clone();
            let procedure = Procedure { uri, realm, authrole, default_role, passes_errors: pass_errors };
            Source::Asked(Asked::Procedure(procedure.into()))
        }
    }
}

fn anonymous_principal(it: &config::Anonymous) -> Anonymous {
    Anonymous {
        authrole: it.role.as_str().into(),
        authid: it.authid.as_deref().map(Into::into),
        realm: it.realm.as_deref().map(Into::into),
    }
}

fn principal<C>(authid: &str, role: &str, realm: Option<&String>, credential: C) -> (String, Principal<C>) {
    let realm = realm.map(|realm| realm.as_str().into());
    (authid.to_owned(), Principal { authrole: role.into(), realm, credential })
}

fn ticket_principal(it: &config::TicketPrincipal) -> (String, Principal<Secret>) {
    principal(&it.authid, &it.role, it.realm.as_ref(), it.ticket.reveal().into())
}

fn wampcra_user(it: &config::WampCraUser) -> (String, Principal<wampcra::Credential>) {
    let salting = it.salting.as_ref().map(|salting| wampcra::Salting {
        salt: salting.salt.clone(),
        iterations: salting.iterations,
        key_len: salting.keylen,
    });
    let credential = wampcra::Credential::new(it.secret.reveal().into(), salting);
    principal(&it.authid, &it.role, it.realm.as_ref(), credential)
}

fn scram_principal(it: &config::ScramPrincipal) -> Option<(String, Principal<scram::Credential>)> {
    let kdf = Kdf::parse(it.kdf)?;
    let hashing = Hashing { kdf, salt: it.salt.clone(), iterations: it.iterations, memory: it.memory };
    let credential = Scram { hashing, stored_key: it.stored_key, server_key: it.server_key };
    Some(principal(&it.authid, &it.role, it.realm.as_ref(), credential))
}

fn cryptosign_principal(
    it: &config::CryptosignPrincipal,
    place: &str,
    findings: &mut Findings,
) -> (String, Principal<Vec<PublicKey>>) {
    let keys = keys("cryptosign", &it.authid, &it.authorized_keys, place, findings);
    principal(&it.authid, &it.role, it.realm.as_ref(), keys)
}

/// Its role means nothing: clients have those that it says.
fn proxy_principal(
    it: &config::ProxyPrincipal,
    place: &str,
    findings: &mut Findings,
) -> (String, Principal<Vec<PublicKey>>) {
    let keys = keys("cryptosign-proxy", &it.authid, &it.authorized_keys, place, findings);
    principal(&it.authid, "", it.realm.as_ref(), keys)
}

fn keys(
    method: &str,
    authid: &str,
    written: &[[u8; 32]],
    place: &str,
    findings: &mut Findings,
) -> Vec<PublicKey> {
    let mut keys = Vec::new();
    for key in written {
        match PublicKey::from_bytes(key) {
            Ok(key) => keys.push(key),
            Err(error) => {
                findings.obstacle(place, format!("`auth.{method}`: a key of client {authid:?} is {error}"));
            }
        }
    }
    keys
}

fn tls_principal(it: &config::TlsPrincipal) -> (String, Principal<Fingerprint>) {
    let fingerprint = match <[u8; 20]>::try_from(it.fingerprint.as_slice()) {
        Ok(sha1) => Fingerprint::Sha1(sha1),
        Err(_) => Fingerprint::Sha256(it.fingerprint.as_slice().try_into().unwrap_or_default()),
    };
    principal(&it.authid, &it.role, it.realm.as_ref(), fingerprint)
}
