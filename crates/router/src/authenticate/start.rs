//! From HELLO to the first verdict.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use crossweave_auth::cryptosign::{self, PrivateKey, PublicKey};
use crossweave_auth::scram::{METHODS as SCRAM, ServerExchange};
use crossweave_auth::{Secret, scram, wampcra};
use crossweave_wamp::message::{Challenge, Hello};
use crossweave_wamp::{AuthMethod, Dict, SessionId, Value, uris};
use sha1::Digest as _;

use super::admit::random_authid;
use super::asked::Question;
use super::pending::{Pending, Proof, Standing};
use super::{Caller, Grant, Refusal, Verdict, excerpt, random};
use crate::cookies::Visit;
use crate::methods::{Anonymous, Directory, Fingerprint, Methods, Source};
use crate::router::Shared;

/// Everything that a method needs to know of a HELLO.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) shared: Arc<Shared>,
    pub(super) realm: Option<String>,
    pub(super) authid: Option<String>,
    pub(super) authextra: Option<Dict>,
    pub(super) caller: Caller,
    /// As the client calls it.
    pub(super) method: &'static str,
}

/// A client, whether it exists or not.
struct Found<'d, C> {
    /// Who it will be.
    grant: Grant,
    /// What it is known by, if it exists.
    known: Option<&'d C>,
    /// What it looks like if it does not.
    model: Option<&'d C>,
}

/// Decides on a HELLO by the first of its methods that is configured.
pub(crate) fn start(shared: &Arc<Shared>, methods: &Methods, hello: &Hello, caller: Caller) -> Verdict {
    let Some(offered) = offered(hello) else {
        let text = "HELLO has authmethods that are no list of texts";
        return Verdict::Refuse(Refusal::plain(uris::PROTOCOL_VIOLATION, text));
    };
    let attempt = |method| Attempt {
        shared: shared.clone(),
        realm: hello.realm.clone(),
        authid: hello.authid().filter(|authid| !authid.is_empty()).map(str::to_owned),
        authextra: hello.details.dict("authextra").cloned(),
        caller: caller.clone(),
        method,
    };
    for name in &offered {
        let verdict = match *name {
            "anonymous" => methods.anonymous.as_ref().map(|it| attempt("anonymous").anonymous(it)),
            "ticket" => methods.ticket.as_ref().map(|it| attempt("ticket").ticket(it)),
            "wampcra" => methods.wampcra.as_ref().map(|it| attempt("wampcra").wampcra(it)),
            "anonymous-proxy" if methods.anonymous_proxy => {
                Some(attempt("anonymous-proxy").anonymous_proxy())
            }
            "cryptosign-proxy" => {
                methods.cryptosign_proxy.as_ref().map(|it| attempt("cryptosign-proxy").cryptosign_proxy(it))
            }
            "cryptosign" => methods.cryptosign.as_ref().map(|it| attempt("cryptosign").cryptosign(it)),
            // A client that has shown no certificate has another method for that case.
            "tls" if caller.certificate().is_none() => None,
            // So has one whose cookie stands for nobody.
            "cookie" if methods.cookie => attempt("cookie").cookie(),
            "tls" => methods.tls.as_ref().map(|it| attempt("tls").tls(it)),
            name => match SCRAM.into_iter().find(|scram| *scram == name) {
                Some(method) => methods.scram.as_ref().map(|it| attempt(method).scram(it)),
                None => methods.own_method(name).map(|it| attempt(it.method.name()).own(it)),
            },
        };
        if let Some(verdict) = verdict {
            return verdict;
        }
    }
    Verdict::Refuse(none_fits(&offered, methods, &caller))
}

/// The methods that a HELLO offers, in its order; nothing if they are no list of texts.
///
/// An empty list counts as none at all, which is `anonymous`: the specification does not say, and Crossbar.io does so. Only a
/// list that is empty: one whose members cannot be read is no wish to be nobody.
fn offered(hello: &Hello) -> Option<Vec<&str>> {
    let methods = match hello.details.get("authmethods") {
        None | Some(Value::Null) => &[],
        Some(value) => value.as_list()?,
    };
    let methods: Option<Vec<&str>> = methods.iter().map(Value::as_str).collect();
    methods.map(|methods| if methods.is_empty() { vec!["anonymous"] } else { methods })
}

/// None of the methods is configured, or those that are do not fit this client.
fn none_fits(offered: &[&str], methods: &Methods, caller: &Caller) -> Refusal {
    let names = methods.names();
    let unfit = offered.iter().find_map(|name| match *name {
        "cookie" if methods.cookie => Some(("cookie", "the cookie does not let this client in")),
        "tls" if methods.tls.is_some() => Some(("tls", "the client has shown no certificate")),
        _ => None,
    });
    let offered = excerpt(&offered.join(", "));
    let Some((unfit, why)) = unfit else {
        let names = names.join(", ");
        let text =
            format!("none of the offered authentication methods ({offered}) is configured: use {names}");
        return Refusal::plain(uris::NO_MATCHING_AUTH_METHOD, text);
    };
    let others: Vec<&str> = names.into_iter().filter(|name| *name != unfit).collect();
    let others = if others.is_empty() { String::new() } else { format!("; use {}", others.join(", ")) };
    let text = format!("none of the offered authentication methods ({offered}) can be used: {why}{others}");
    let mut refusal = Refusal::plain(uris::NO_MATCHING_AUTH_METHOD, text);
    if unfit == "cookie" {
        let why = caller.visit.as_ref().map_or("the connection has none", Visit::standing);
        refusal.cause = format!("method cookie: {why}");
    }
    refusal
}

impl Methods {
    /// As a client offers them.
    fn names(&self) -> Vec<&'static str> {
        let Methods { anonymous, ticket, wampcra, scram, cryptosign, cookie, tls, own, .. } = self;
        let known = [
            anonymous.as_ref().map(|_| "anonymous"),
            ticket.as_ref().map(|_| "ticket"),
            wampcra.as_ref().map(|_| "wampcra"),
            scram.as_ref().map(|_| "wamp-scram"),
            cryptosign.as_ref().map(|_| "cryptosign"),
            tls.as_ref().map(|_| "tls"),
            cookie.then_some("cookie"),
            self.anonymous_proxy.then_some("anonymous-proxy"),
            self.cryptosign_proxy.as_ref().map(|_| "cryptosign-proxy"),
        ];
        known.into_iter().flatten().chain(own.iter().map(|it| it.method.name())).collect()
    }
}

impl Caller {
    /// The certificate that the client has shown, in DER.
    pub(super) fn certificate(&self) -> Option<&[u8]> {
        self.tls.as_ref()?.peer_certificates.first().map(Vec::as_slice)
    }
}

impl Attempt {
    fn anonymous(self, source: &Source<Anonymous>) -> Verdict {
        match source {
            Source::Asked(asked) => Question::new(self, asked.clone()).ask(),
            Source::Static(Anonymous { authrole, authid, realm }) => {
                let authid = authid.clone().unwrap_or_else(random_authid);
                Verdict::Admit(Box::new(self.grant(&authid, authrole, realm.as_ref(), "static")))
            }
        }
    }

    fn ticket(self, source: &Source<Directory<Secret>>) -> Verdict {
        let Some(authid) = self.authid.clone() else { return self.needs_authid() };
        let directory = match source {
            Source::Static(directory) => directory,
            Source::Asked(asked) => {
                let grant = self.grant(&authid, "", None, asked.provider());
                let question = Box::new(Question::new(self, asked.clone()));
                return challenge(Dict::new(), grant, true, Proof::TicketAsked(question));
            }
        };
        let Found { grant, known, model } = self.look_up(directory, &authid);
        // Who does not exist is compared with somebody, since that takes time, and refused whatever comes of it.
        let expected = known.or(model).cloned().unwrap_or_else(|| Secret::from(""));
        challenge(Dict::new(), grant, known.is_some(), Proof::Ticket(expected))
    }

    fn wampcra(self, source: &Source<Directory<wampcra::Credential>>) -> Verdict {
        let Some(authid) = self.authid.clone() else { return self.needs_authid() };
        let directory = match source {
            Source::Static(directory) => directory,
            Source::Asked(asked) => return Question::new(self, asked.clone()).ask(),
        };
        let Found { grant, known, model } = self.look_up(directory, &authid);
        // Made up for every client, as it takes time.
        let fake = wampcra::Credential::decoy(model, &self.shared.decoy(), &authid);
        self.challenge_wampcra(grant, known.cloned().unwrap_or(fake), known.is_some())
    }

    /// Challenges a client with WAMP-CRA.
    pub(super) fn challenge_wampcra(
        &self,
        mut grant: Grant,
        credential: wampcra::Credential,
        standing: impl Into<Standing>,
    ) -> Verdict {
        let session = grant.session.unwrap_or_else(|| self.new_session_id(grant.realm.as_deref()));
        grant.session = Some(session);
        let timestamp = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let facts = wampcra::Facts {
            authid: &grant.authid,
            authrole: &grant.authrole,
            authprovider: grant.provider,
            session,
            timestamp: &timestamp,
            nonce: random(),
        };
        let (extra, text) = credential.challenge(&facts);
        challenge(extra, grant, standing, Proof::WampCra { credential, text })
    }

    fn scram(self, source: &Source<Directory<scram::Credential>>) -> Verdict {
        let Some(authid) = self.authid.clone() else { return self.needs_authid() };
        let directory = match source {
            Source::Static(directory) => directory,
            Source::Asked(asked) => return Question::new(self, asked.clone()).ask(),
        };
        let Found { grant, known, model } = self.look_up(directory, &authid);
        // Made up for every client, as it takes time.
        let fake = scram::Credential::decoy(model, &self.shared.decoy(), &authid);
        self.challenge_scram(grant, known.cloned().unwrap_or(fake), known.is_some())
    }

    /// Challenges a client with WAMP-SCRAM.
    pub(super) fn challenge_scram(
        &self,
        grant: Grant,
        credential: scram::Credential,
        standing: impl Into<Standing>,
    ) -> Verdict {
        let (channel, authextra) = (self.caller.channel(), self.authextra.as_ref());
        let authid = self.authid.as_deref().unwrap_or_default();
        match ServerExchange::start(authid, authextra, &channel, credential, random()) {
            Ok((exchange, extra)) => challenge(extra, grant, standing, Proof::Scram(Box::new(exchange))),
            Err(error) => self.malformed(error),
        }
    }

    fn cryptosign(self, source: &Source<Directory<Vec<PublicKey>>>) -> Verdict {
        match source {
            Source::Static(directory) => self.cryptosign_of(directory),
            Source::Asked(asked) => Question::new(self, asked.clone()).ask(),
        }
    }

    /// Challenges whoever says that it has one of these keys.
    pub(super) fn cryptosign_of(self, directory: &Directory<Vec<PublicKey>>) -> Verdict {
        let key = match self.offered_key() {
            Ok(key) => key,
            Err(refusal) => return Verdict::Refuse(refusal),
        };
        let (authid, has_several) = match (self.authid.clone(), key) {
            (Some(authid), _) => (authid, false),
            (None, Some(key)) => owner(directory, key),
            (None, None) => return self.malformed("HELLO needs an authid or authextra.pubkey"),
        };
        let Found { grant, known, model } = self.look_up(directory, &authid);
        // A client may have several keys and name none; any of them will do then.
        let candidates = known.or(model).map(Vec::as_slice).unwrap_or_default();
        let is_known = known.is_some() && key.is_none_or(|key| candidates.contains(&key));
        // Signatures of clients that do not exist are checked as well, and as often, since that takes time.
        let keys = match key {
            Some(key) => vec![key],
            None if is_known => candidates.to_vec(),
            None => vec![nobody(); candidates.len().max(1)],
        };
        let standing = match known {
            Some(_) if !is_known => Standing::KeyNotListed,
            None if has_several => Standing::KeyOfSeveral,
            _ => is_known.into(),
        };
        self.challenge_cryptosign(grant, keys, standing)
    }

    /// The public key that the client says it has.
    pub(super) fn offered_key(&self) -> Result<Option<PublicKey>, Refusal> {
        let text = self.authextra.as_ref().and_then(|extra| extra.str("pubkey"));
        let key = text.map(PublicKey::from_hex).transpose();
        key.map_err(|error| self.malformed_refusal(format!("authextra.pubkey: {error}")))
    }

    /// Challenges a client with WAMP-cryptosign, and proves ourselves if it asks for that.
    pub(super) fn challenge_cryptosign(
        &self,
        grant: Grant,
        keys: Vec<PublicKey>,
        standing: Standing,
    ) -> Verdict {
        let binding = match self.caller.channel().requested(self.authextra.as_ref()) {
            Ok(binding) => binding,
            Err(error) => return self.malformed(error),
        };
        let channel = binding.map(|bound| bound.id());
        let number: [u8; 32] = random();
        let mut extra = Dict::new().with("challenge", cryptosign::challenge_to_hex(&number));
        extra.insert("channel_binding", binding.map(|bound| bound.name()));
        if let Some(asked) = self.authextra.as_ref().and_then(|extra| extra.str("challenge")) {
            let Some(asked) = cryptosign::challenge_from_hex(asked) else {
                return self.malformed("authextra.challenge is not 64 hexadecimal digits");
            };
            let Some(key) = self.shared.key() else {
                return self.malformed("this router has no key to answer authextra.challenge with");
            };
            extra.insert("pubkey", key.public().to_hex());
            extra.insert("signature", key.sign(&cryptosign::message(&asked, channel.as_ref())));
        }
        let message = cryptosign::message(&number, channel.as_ref());
        challenge(extra, grant, standing, Proof::Cryptosign { keys, message })
    }

    fn cookie(self) -> Option<Verdict> {
        let known = self.caller.visit.as_ref().and_then(Visit::known)?;
        // Somebody else, or elsewhere, is for another method to decide.
        if self.authid.as_ref().is_some_and(|authid| *authid != known.authid)
            || self.realm.as_ref().is_some_and(|realm| *realm != known.realm)
        {
            return None;
        }
        let realm = known.realm.as_str().into();
        let grant = self.grant(&known.authid, &known.authrole, Some(&realm), "cookie");
        Some(Verdict::Admit(Box::new(Grant { authextra: known.authextra, proof: known.authmethod, ..grant })))
    }

    fn tls(self, source: &Source<Directory<Fingerprint>>) -> Verdict {
        let directory = match source {
            Source::Static(directory) => directory,
            Source::Asked(asked) => return Question::new(self, asked.clone()).ask(),
        };
        let certificate = self.caller.certificate().unwrap_or_default();
        let sha1 = Fingerprint::Sha1(sha1::Sha1::digest(certificate).into());
        let sha256 = Fingerprint::Sha256(sha2::Sha256::digest(certificate).into());
        let is_it = |known: &Fingerprint| *known == sha1 || *known == sha256;
        let wanted = self.authid.as_deref();
        let mut owners = directory.iter().filter(|(authid, known)| {
            is_it(&known.credential) && wanted.is_none_or(|wanted| wanted == *authid)
        });
        match (owners.next(), owners.next()) {
            (Some((authid, known)), None) => {
                let grant = self.grant(authid, &known.authrole, known.realm.as_ref(), "static");
                Verdict::Admit(Box::new(grant))
            }
            (None, _) => self.unproven("no client with this certificate"),
            (Some(_), Some(_)) => self.unproven("several clients with this certificate, and none is named"),
        }
    }

    /// Who a client is, or would be if it existed.
    fn look_up<'d, C>(&self, directory: &'d Directory<C>, authid: &str) -> Found<'d, C> {
        let (known, model) = (directory.get(authid), directory.model(&self.shared.decoy(), authid));
        let grant = match known.or(model) {
            Some(like) => self.grant(authid, &like.authrole, like.realm.as_ref(), "static"),
            None => self.grant(authid, "anonymous", None, "static"),
        };
        Found { grant, known: known.map(|it| &it.credential), model: model.map(|it| &it.credential) }
    }

    pub(super) fn grant(
        &self,
        authid: &str,
        authrole: &str,
        realm: Option<&Arc<str>>,
        provider: &'static str,
    ) -> Grant {
        Grant {
            authid: authid.into(),
            authrole: authrole.into(),
            method: self.method,
            proof: AuthMethod::parse(self.method),
            provider,
            realm: realm.map(|realm| realm.to_string()).or_else(|| self.realm.clone()),
            authextra: Dict::new(),
            session: None,
            questions: 0,
            said: None,
            behind_proxy: None,
            shown_method: None,
        }
    }

    /// An id for the session that a challenge can name before it is known whether the realm exists.
    pub(super) fn new_session_id(&self, realm: Option<&str>) -> SessionId {
        let realm = realm.and_then(|realm| self.shared.realm_that_is_up(realm));
        match realm.and_then(|realm| realm.new_session_id().ok()) {
            Some(id) => id,
            None => SessionId(u64::from_be_bytes(random()) >> 11 | 1),
        }
    }

    fn needs_authid(&self) -> Verdict {
        self.malformed("HELLO has no authid, which this method needs")
    }

    fn malformed(&self, what: impl std::fmt::Display) -> Verdict {
        Verdict::Refuse(self.malformed_refusal(what))
    }

    /// What the client's author did wrong. Says nothing of who exists.
    pub(super) fn malformed_refusal(&self, what: impl std::fmt::Display) -> Refusal {
        Refusal::plain(uris::AUTHENTICATION_FAILED, format!("{}: {what}", self.method))
    }

    pub(super) fn unproven(&self, cause: impl std::fmt::Display) -> Verdict {
        Verdict::Refuse(Refusal::unproven(self.method, self.authid.as_deref(), cause))
    }
}

fn challenge(extra: Dict, grant: Grant, standing: impl Into<Standing>, proof: Proof) -> Verdict {
    let challenge = Challenge { method: grant.method.to_owned(), extra };
    Verdict::Challenge(challenge, Box::new(Pending { grant, standing: standing.into(), proof }))
}

/// The authid of the only client with this key; else one that nobody has, which the specification proposes for that case, and
/// whether several clients have the key.
fn owner(directory: &Directory<Vec<PublicKey>>, key: PublicKey) -> (String, bool) {
    let mut owners = directory.iter().filter(|(_, known)| known.credential.contains(&key));
    match (owners.next(), owners.next()) {
        (Some((authid, _)), None) => (authid.to_owned(), false),
        (_, second) => (key.to_hex(), second.is_some()),
    }
}

/// The key of nobody: its private one is thrown away.
pub(super) fn nobody() -> PublicKey {
    static KEY: OnceLock<PublicKey> = OnceLock::new();
    *KEY.get_or_init(|| PrivateKey::from_bytes(&random()).public())
}
