//! `auth`: how clients of a transport prove who they are.

mod anonymous;
mod asked;
mod cryptosign;
mod own;
mod principals;
mod proxies;
mod scram;
mod ticket;
mod tls;
mod wampcra;

pub use anonymous::Anonymous;
pub use asked::{Dynamic, Function};
pub use cryptosign::CryptosignPrincipal;
pub use own::OwnMethod;
pub use proxies::ProxyPrincipal;
pub use scram::ScramPrincipal;
pub use ticket::TicketPrincipal;
pub use tls::TlsPrincipal;
pub use wampcra::{Salting, WampCraUser};

use crate::authmethod::AuthMethod;
use crate::reading::{At, Fields, Finding, Reading, Shape, Words, nearest, quoted};
use crate::realm::Realm;
use crate::role::TRUSTED;

/// The ways to authenticate that a transport offers. Default: anonymous, in role `anonymous`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// `anonymous`.
    pub anonymous: Option<Method<Anonymous>>,
    /// `ticket`: `principals`.
    pub ticket: Option<Method<Vec<TicketPrincipal>>>,
    /// `wampcra`: `users`.
    pub wampcra: Option<Method<Vec<WampCraUser>>>,
    /// `scram`: `principals`.
    pub scram: Option<Method<Vec<ScramPrincipal>>>,
    /// `cryptosign`: `principals`.
    pub cryptosign: Option<Method<Vec<CryptosignPrincipal>>>,
    /// `tls`: `principals`.
    pub tls: Option<Method<Vec<TlsPrincipal>>>,
    /// `cookie`: whether a cookie that stands for somebody is enough. Default: false.
    pub cookie: bool,
    /// `anonymous-proxy`: whether proxies, which reach the Unix socket, say for whom they speak. Default: false.
    pub anonymous_proxy: bool,
    /// `cryptosign-proxy`: `principals`, the proxies that say for whom they speak, proven by a key; or who is asked for that key.
    pub cryptosign_proxy: Option<Method<Vec<ProxyPrincipal>>>,
    /// Methods of the program's own, under any other key. Not in Crossbar.io.
    pub own: Vec<OwnMethod>,
}

/// Where a method looks its clients up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method<T> {
    /// `"type": "static"`: in the configuration.
    Static(T),
    /// `"type": "dynamic"`: by calling a procedure.
    Dynamic(Dynamic),
    /// `"type": "function"`: by a part of this program.
    Function(Function),
}

impl Default for Auth {
    fn default() -> Self {
        Self { anonymous: Some(Method::Static(Anonymous::default())), ..Self::none() }
    }
}

/// What the methods refer to and depend on.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    /// The realms of the worker.
    pub(crate) realms: &'a [Realm],
    /// Whether somebody on the way could read along.
    pub(crate) is_readable: bool,
    /// Whether clients show certificates.
    pub(crate) has_certificates: bool,
}

/// What the clients of one method refer to.
struct By<'a> {
    realms: &'a [Realm],
    method: AuthMethod,
}

/// Reads `auth` of a transport. Not having it means anonymous.
pub(crate) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, reach: &Reach<'_>) -> Auth {
    fields.note(reading, "auth", || Shape::Object("`auth`"));
    let Some(at) = fields.get("auth") else {
        warn_without_role(reading, fields, reach.realms);
        return Auth::default();
    };
    let Some(mut fields) = reading.object(at, "`auth`") else { return Auth::none() };
    if fields.is_empty() {
        let message = "`auth` names no method, so nobody could join";
        let expected = "a method such as `anonymous`, or no `auth` at all, which means `anonymous`";
        reading.report(&fields.at.start(), Finding::error(message).expected(expected));
    }
    let auth = Auth {
        anonymous: method(reading, &mut fields, AuthMethod::Anonymous, reach, anonymous::read),
        ticket: method(reading, &mut fields, AuthMethod::Ticket, reach, ticket::read),
        wampcra: method(reading, &mut fields, AuthMethod::WampCra, reach, wampcra::read),
        scram: method(reading, &mut fields, AuthMethod::Scram, reach, scram::read),
        cryptosign: method(reading, &mut fields, AuthMethod::Cryptosign, reach, cryptosign::read),
        tls: method(reading, &mut fields, AuthMethod::Tls, reach, tls::read),
        cookie: fields
            .part(reading, "cookie", "authentication by cookie")
            .map(|fields| fields.finish(reading))
            .is_some(),
        anonymous_proxy: proxies::read_anonymous(reading, &mut fields),
        cryptosign_proxy: proxies::read_cryptosign(reading, &mut fields, reach.realms),
        own: own::read(reading, &mut fields),
    };
    warn_of_the_transport(reading, &mut fields, &auth, reach);
    fields.finish(reading);
    auth
}

impl<T> Method<T> {
    /// What stands in the configuration.
    pub(crate) fn known(&self) -> Option<&T> {
        match self {
            Self::Static(known) => Some(known),
            Self::Dynamic(_) | Self::Function(_) => None,
        }
    }

    fn function(&self) -> Option<&Function> {
        match self {
            Self::Function(function) => Some(function),
            Self::Static(_) | Self::Dynamic(_) => None,
        }
    }
}

impl Auth {
    /// The functions that the methods need.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        let Self { anonymous, ticket, wampcra, scram, cryptosign, cryptosign_proxy, tls, .. } = self;
        let functions = [
            anonymous.as_ref().and_then(Method::function),
            ticket.as_ref().and_then(Method::function),
            wampcra.as_ref().and_then(Method::function),
            scram.as_ref().and_then(Method::function),
            cryptosign.as_ref().and_then(Method::function),
            cryptosign_proxy.as_ref().and_then(Method::function),
            tls.as_ref().and_then(Method::function),
        ];
        functions.into_iter().flatten()
    }

    fn none() -> Self {
        Self {
            anonymous: None,
            ticket: None,
            wampcra: None,
            scram: None,
            cryptosign: None,
            tls: None,
            cookie: false,
            anonymous_proxy: false,
            cryptosign_proxy: None,
            own: Vec::new(),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Static,
    Dynamic,
    Function,
}

const KINDS: &Words<Kind> =
    &[("static", Kind::Static), ("dynamic", Kind::Dynamic), ("function", Kind::Function)];

/// Reads one method; `read` its static form.
fn method<T>(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    method: AuthMethod,
    reach: &Reach<'_>,
    read: fn(&mut Reading<'_>, &mut Fields<'_>, &By<'_>) -> T,
) -> Option<Method<T>> {
    let mut fields = fields.part(reading, method.key(), "an authentication method")?;
    let by = By { realms: reach.realms, method };
    let at = fields.required(reading, "type")?;
    let method = match reading.word(&at, KINDS)? {
        Kind::Static => Method::Static(read(reading, &mut fields, &by)),
        Kind::Dynamic => Method::Dynamic(Dynamic::read(reading, &mut fields, &by)),
        Kind::Function => Method::Function(Function::read(reading, &mut fields)),
    };
    fields.finish(reading);
    Some(method)
}

fn warn_of_the_transport(reading: &mut Reading<'_>, fields: &mut Fields<'_>, auth: &Auth, reach: &Reach<'_>) {
    if let (Some(_), true, Some(at)) = (&auth.ticket, reach.is_readable, fields.key("ticket")) {
        let message = "tickets are sent as they are, and this transport has no TLS: others can read them";
        reading.report(&at, Finding::warning(message).expected("`tls` in its `endpoint`"));
    }
    if let (Some(_), false, Some(at)) = (&auth.tls, reach.has_certificates, fields.key("tls")) {
        let message = "no client can use `tls`: the transport does not ask clients for certificates";
        reading.report(&at, Finding::warning(message).expected("`ca_certificates` in `endpoint.tls`"));
    }
}

impl By<'_> {
    /// Warns of a realm that is not there: until somebody has started it, clients who are sent to it are refused.
    fn look_for_realm(&self, reading: &mut Reading<'_>, at: &At<'_>, name: &str) {
        if let Some(finding) = no_realm(name, self.realms) {
            reading.report(at, finding.but_a_warning());
        }
    }

    /// Warns of a role that is not there: until somebody has started it, clients who get it are refused. Nobody gets `trusted`.
    fn look_for_role(&self, reading: &mut Reading<'_>, at: &At<'_>, name: &str, realm: Option<&str>) {
        if name == TRUSTED {
            let message = "clients would get role `trusted`, which may do everything";
            reading.report(at, Finding::error(message).expected("a role of the realm"));
        } else if let Some(finding) = no_role(name, realm, self.realms) {
            reading.report(at, finding.but_a_warning());
        }
    }
}

/// Reports a realm that has to be there when what names it is started.
pub(crate) fn check_realm(reading: &mut Reading<'_>, at: &At<'_>, name: &str, realms: &[Realm]) {
    if let Some(finding) = no_realm(name, realms) {
        reading.report(at, if_told_later(reading, finding));
    }
}

/// Reports a role that has to be there when what names it is started.
pub(crate) fn check_role(
    reading: &mut Reading<'_>,
    at: &At<'_>,
    name: &str,
    realm: Option<&str>,
    realms: &[Realm],
) {
    if let Some(finding) = no_role(name, realm, realms) {
        reading.report(at, if_told_later(reading, finding));
    }
}

/// A proxy may be told of realms and roles later.
fn if_told_later(reading: &Reading<'_>, finding: Finding) -> Finding {
    if reading.is_proxy { finding.but_a_warning() } else { finding }
}

fn no_realm(name: &str, realms: &[Realm]) -> Option<Finding> {
    if realms.iter().any(|realm| realm.is_called(name)) {
        return None;
    }
    let names = realms.iter().map(|realm| realm.name.as_str());
    let finding = Finding::error(format!("this worker has no realm {}", quoted(name)));
    Some(finding.expected("the name of a realm of this worker").nearest(nearest(name, names)))
}

fn no_role(name: &str, realm: Option<&str>, realms: &[Realm]) -> Option<Finding> {
    let reachable = || realms.iter().filter(|candidate| realm.is_none_or(|realm| candidate.is_called(realm)));
    let roles = || reachable().flat_map(|realm| &realm.roles);
    if roles().any(|role| role.is_called(name)) || (realm.is_some() && reachable().next().is_none()) {
        return None;
    }
    let finding = Finding::error(match realm {
        Some(realm) => format!("realm {} has no role {}", quoted(realm), quoted(name)),
        None => format!("no realm of this worker has role {}", quoted(name)),
    });
    let names = roles().map(|role| role.name.as_str());
    Some(finding.expected("the name of a role of the realm").nearest(nearest(name, names)))
}

/// Warns of clients that get a role which is not given to who uses their method.
fn warn_of_method(reading: &mut Reading<'_>, at: &At<'_>, name: &str, realm: Option<&str>, by: &By<'_>) {
    let reachable = by.realms.iter().filter(|candidate| realm.is_none_or(|realm| candidate.is_called(realm)));
    let mut roles = reachable.flat_map(|realm| &realm.roles).filter(|role| role.is_called(name)).peekable();
    if roles.peek().is_some() && !roles.any(|role| role.is_given_by(&by.method)) {
        let (name, method) = (quoted(name), by.method.name());
        let message = format!("role {name} is not given by `{method}`: it has other `authmethods`");
        reading.report(at, Finding::warning(message).expected("another role, or another method"));
    }
}

/// Without `auth`, clients get role `anonymous`; if there is no such role they can join and do nothing.
fn warn_without_role(reading: &mut Reading<'_>, fields: &Fields<'_>, realms: &[Realm]) {
    let role = Anonymous::default().role;
    let exists = realms.iter().flat_map(|realm| &realm.roles).any(|candidate| candidate.is_called(&role));
    if !exists && !realms.is_empty() {
        let message = "without `auth` clients get role `anonymous`, which no realm of this worker has";
        reading
            .report(&fields.at.start(), Finding::warning(message).expected("a role `anonymous`, or `auth`"));
    }
    let by = By { realms, method: AuthMethod::Anonymous };
    warn_of_method(reading, &fields.at.start(), &role, None, &by);
}
