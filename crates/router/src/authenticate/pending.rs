//! Between CHALLENGE and AUTHENTICATE.

use crossweave_auth::cryptosign::PublicKey;
use crossweave_auth::scram::ServerExchange;
use crossweave_auth::{Secret, ticket, wampcra};
use crossweave_wamp::Dict;
use crossweave_wamp::message::Authenticate;

use super::asked::Question;
use super::own::OwnLogin;
use super::{Grant, Refusal, Verdict};

/// A client that has been challenged.
pub(crate) struct Pending {
    /// Who it will be. A client that does not exist has one, too: it is challenged alike.
    pub(super) grant: Grant,
    pub(super) standing: Standing,
    pub(super) proof: Proof,
}

/// Whether a client exists. Each is challenged alike; only the log is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Known,
    NoSuchClient,
    /// Whoever was asked knows no such client.
    UnknownToAsked,
    /// Whoever was asked refused it, in these words.
    Refused(Box<str>),
    /// It exists, and the public key that it says it has is none of its keys.
    KeyNotListed,
    /// It names a public key and no authid, and several clients have that key.
    KeyOfSeveral,
}

impl From<bool> for Standing {
    fn from(is_known: bool) -> Standing {
        if is_known { Standing::Known } else { Standing::NoSuchClient }
    }
}

impl Standing {
    /// Why it may not join, whose proof was not right.
    fn cause(&self) -> &str {
        match self {
            Standing::Known => "wrong answer to the challenge",
            Standing::NoSuchClient => "no such client",
            Standing::UnknownToAsked => "the authenticator knows no such client",
            Standing::Refused(why) => why,
            Standing::KeyNotListed => "the client exists, and does not have this public key",
            Standing::KeyOfSeveral => "several clients have this public key, and HELLO has no authid",
        }
    }
}

/// What it has to prove.
pub(super) enum Proof {
    /// To have this ticket.
    Ticket(Secret),
    /// To have a ticket that an authenticator takes.
    TicketAsked(Box<Question>),
    /// To have the secret: this text is to be signed.
    WampCra { credential: wampcra::Credential, text: String },
    /// To have the password.
    Scram(Box<ServerExchange>),
    /// To have the private key of one of these: this message is to be signed.
    Cryptosign { keys: Vec<PublicKey>, message: [u8; 32] },
    /// What a method of the program's own wants.
    Own(Box<OwnLogin>),
}

impl Pending {
    /// Judges the answer. There is only one, unless a method of the program's own asks again: another needs another HELLO.
    pub(crate) fn judge(self: Box<Self>, answer: &Authenticate) -> Verdict {
        let Pending { mut grant, standing, proof } = *self;
        let proven = match proof {
            Proof::TicketAsked(question) => return question.with_ticket(&answer.signature),
            Proof::Own(login) => return login.with_answer(answer),
            Proof::Ticket(expected) => ticket::is_same(&expected, &answer.signature).then(Dict::new),
            Proof::WampCra { credential, text } => {
                credential.is_signature(&text, &answer.signature).then(Dict::new)
            }
            Proof::Scram(exchange) => exchange.finish(answer),
            Proof::Cryptosign { keys, message } => {
                let is_signed = keys.iter().any(|key| key.is_signed(&answer.signature, &message));
                is_signed.then(Dict::new)
            }
        };
        match proven {
            Some(extra) if standing == Standing::Known => {
                extra.into_iter().for_each(|(key, value)| grant.authextra.insert(key, value));
                Verdict::Admit(Box::new(grant))
            }
            _ => Verdict::Refuse(Refusal::unproven(grant.method, Some(&grant.authid), standing.cause())),
        }
    }
}
