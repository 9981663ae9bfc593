//! By which methods clients of a transport may prove who they are.

use std::collections::HashMap;
use std::sync::Arc;

use crossweave_auth::cryptosign::PublicKey;
use crossweave_auth::decoy::Decoy;
use crossweave_auth::{Secret, scram, wampcra};
use crossweave_wamp::authmethod::OwnMethod;

use crate::authenticator::Asked;
use crate::login::LoginMethod;

/// Who may join over a transport, or a part of one.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// Whoever proves it by one of these methods.
    Methods(Arc<Methods>),
    /// A part of this program that has been let in already.
    Trusted {
        /// The role.
        authrole: Arc<str>,
        /// The authid.
        authid: Arc<str>,
    },
}

impl Authentication {
    /// Anyone, in this role, with a random authid.
    pub fn anonymous(authrole: &str) -> Self {
        let principal = Anonymous { authrole: authrole.into(), authid: None, realm: None };
        Methods { anonymous: Some(Source::Static(principal)), ..Methods::default() }.into()
    }
}

impl From<Methods> for Authentication {
    fn from(methods: Methods) -> Self {
        Authentication::Methods(Arc::new(methods))
    }
}

/// The methods of a transport. The client's first one that is here is used; the others it offers are no way round it.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    /// `anonymous`: anyone.
    pub anonymous: Option<Source<Anonymous>>,
    /// `ticket`: a shared text.
    pub ticket: Option<Source<Directory<Secret>>>,
    /// `wampcra`: a shared secret that is not sent.
    pub wampcra: Option<Source<Directory<wampcra::Credential>>>,
    /// `wamp-scram` and `scram`: a password that is neither sent nor stored.
    pub scram: Option<Source<Directory<scram::Credential>>>,
    /// `cryptosign`: a private key.
    pub cryptosign: Option<Source<Directory<Vec<PublicKey>>>>,
    /// `cookie`: a cookie of the handshake that stands for somebody.
    pub cookie: bool,
    /// `anonymous-proxy`: a proxy, over a Unix socket, says for whom it speaks.
    pub anonymous_proxy: bool,
    /// `cryptosign-proxy`: a proxy with one of these keys says for whom it speaks; on the realm of its entry only, if that has one.
    /// Who is asked hears of the client, and answers with the keys of its proxy.
    pub cryptosign_proxy: Option<Source<Directory<Vec<PublicKey>>>>,
    /// `tls`: the certificate that the client has shown.
    pub tls: Option<Source<Directory<Fingerprint>>>,
    /// Methods of the program's own, each with another name.
    pub own: Vec<Own>,
}

/// A method of the program's own.
#[derive(Clone, Debug)]
pub struct Own {
    /// By which name clients offer it.
    pub method: OwnMethod,
    /// What does it, as the program calls it: for the log. Those of one name share their turns.
    pub name: Arc<str>,
    /// What does it.
    pub by: Arc<dyn LoginMethod>,
}

/// Where a method looks its clients up.
#[derive(Clone, Debug)]
pub enum Source<T> {
    /// `static`: what was configured.
    Static(T),
    /// `dynamic` and `function`: whoever is asked at run time.
    Asked(Asked),
}

impl Methods {
    /// The program's own method that clients offer by this name.
    pub(crate) fn own_method(&self, name: &str) -> Option<&Own> {
        self.own.iter().find(|own| own.method.name() == name)
    }

    /// The names of functions that must be registered.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        let Methods { anonymous, ticket, wampcra, scram, cryptosign, cryptosign_proxy, tls, .. } = self;
        let asked = [
            anonymous.as_ref().and_then(Source::asked),
            ticket.as_ref().and_then(Source::asked),
            wampcra.as_ref().and_then(Source::asked),
            scram.as_ref().and_then(Source::asked),
            cryptosign.as_ref().and_then(Source::asked),
            cryptosign_proxy.as_ref().and_then(Source::asked),
            tls.as_ref().and_then(Source::asked),
        ];
        asked.into_iter().flatten().filter_map(|asked| match asked {
            Asked::Named(name) => Some(&**name),
            Asked::Function(_) | Asked::Procedure(_) => None,
        })
    }
}

impl<T> Source<T> {
    fn asked(&self) -> Option<&Asked> {
        match self {
            Source::Static(_) => None,
            Source::Asked(asked) => Some(asked),
        }
    }
}

/// Whom `anonymous` lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anonymous {
    /// Their role.
    pub authrole: Arc<str>,
    /// The authid of all; if absent, each session gets a random one.
    pub authid: Option<Arc<str>>,
    /// The realm they join, whichever they ask for; if absent, the one they ask for.
    pub realm: Option<Arc<str>>,
}

/// A client that is known.
#[derive(Clone, Debug)]
pub struct Principal<C> {
    /// Its role.
    pub authrole: Arc<str>,
    /// The realm it joins, whichever it asks for; if absent, the one it asks for.
    pub realm: Option<Arc<str>>,
    /// What it is known by.
    pub credential: C,
}

/// The hash of a certificate in DER.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fingerprint {
    /// SHA-1, as Crossbar.io has it.
    Sha1([u8; 20]),
    /// SHA-256.
    Sha256([u8; 32]),
}

/// The clients of a method by authid. Of two with the same authid the later one counts.
#[derive(Clone, Debug)]
pub struct Directory<C> {
    principals: Vec<(String, Principal<C>)>,
    /// Where each is in `principals`.
    places: HashMap<String, usize>,
}

impl<C> FromIterator<(String, Principal<C>)> for Directory<C> {
    fn from_iter<I: IntoIterator<Item = (String, Principal<C>)>>(principals: I) -> Self {
        let mut directory = Directory { principals: Vec::new(), places: HashMap::new() };
        for (authid, principal) in principals {
            match directory.places.get(&authid) {
                Some(place) => directory.principals[*place].1 = principal,
                None => {
                    directory.places.insert(authid.clone(), directory.principals.len());
                    directory.principals.push((authid, principal));
                }
            }
        }
        directory
    }
}

impl<C> Directory<C> {
    /// The client of this authid.
    pub(crate) fn get(&self, authid: &str) -> Option<&Principal<C>> {
        self.places.get(authid).map(|place| &self.principals[*place].1)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Principal<C>)> {
        self.principals.iter().map(|(authid, principal)| (authid.as_str(), principal))
    }

    /// Whom a client looks like that does not exist. Takes the same time however many there are.
    pub(crate) fn model(&self, decoy: &Decoy, authid: &str) -> Option<&Principal<C>> {
        self.principals.get(decoy.choice(authid, self.principals.len())).map(|(_, principal)| principal)
    }
}
