//! Between CHALLENGE and AUTHENTICATE.

use crossweave_auth::cryptosign::PublicKey;
use crossweave_auth::scram::ServerExchange;
use crossweave_auth::{Secret, ticket, wampcra};
use crossweave_wamp::Dict;
use crossweave_wamp::message::Authenticate;

use super::asked::Question;
use super::{Grant, Refusal, Verdict};

/// A client that has been challenged.
pub(crate) struct Pending {
    /// Who it will be. A client that does not exist has one, too: it is challenged alike.
    pub(super) grant: Grant,
    /// Whether it exists.
    pub(super) is_known: bool,
    pub(super) proof: Proof,
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
}

impl Pending {
    /// Judges the answer. There is only one: another needs another HELLO.
    pub(crate) fn judge(self: Box<Self>, answer: &Authenticate) -> Verdict {
        let Pending { mut grant, is_known, proof } = *self;
        let proven = match proof {
            Proof::TicketAsked(question) => return question.with_ticket(&answer.signature),
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
            Some(extra) if is_known => {
                extra.into_iter().for_each(|(key, value)| grant.authextra.insert(key, value));
                Verdict::Admit(Box::new(grant))
            }
            _ => {
                let cause = if is_known { "wrong answer to the challenge" } else { "no such client" };
                Verdict::Refuse(Refusal::unproven(grant.method, Some(&grant.authid), cause))
            }
        }
    }
}
