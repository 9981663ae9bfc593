//! What an authorizer is asked, and what its answer holds for.

use crossweave_wamp::message::{Call, Publish, Register, Subscribe};
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, RequestId, Serializer, Value};

use crate::boundary::{Action, AuthorizeRequest};
use crate::session::Peer;

/// What a session wants to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed<'m> {
    pub(crate) action: Action,
    pub(crate) uri: &'m str,
    pub(crate) match_policy: MatchPolicy,
    /// The message that would do it.
    pub(crate) message: &'m Message<'m>,
}

impl<'m> Deed<'m> {
    /// What a message does that needs permission.
    pub(crate) fn of(message: &'m Message<'m>) -> Option<Self> {
        let exact = MatchPolicy::Exact;
        let (action, uri, match_policy) = match message {
            Message::Publish(it) => (Action::Publish, &*it.topic, exact),
            Message::Call(it) => (Action::Call, &*it.procedure, exact),
            Message::Subscribe(it) => (Action::Subscribe, &*it.topic, it.options.match_policy),
            Message::Register(it) => (Action::Register, &*it.procedure, it.options.match_policy),
            _ => return None,
        };
        Some(Deed { action, uri, match_policy, message })
    }

    /// The question whether the session may.
    #[cold]
    pub(crate) fn ask(&self, peer: &Peer, procedure: Option<std::sync::Arc<str>>) -> AuthorizeRequest {
        let session = &peer.session;
        let details = Dict::new()
            .with("session", session.id.0)
            .with("authid", &*session.authid)
            .with("authrole", &*session.authrole)
            .with("authmethod", &*session.authmethod)
            .with("authprovider", &*session.authprovider)
            .with("authextra", session.authextra.clone())
            .with("transport", session.transport.clone());
        AuthorizeRequest {
            procedure,
            session: session.id,
            authid: session.authid.clone(),
            authrole: session.authrole.clone(),
            details,
            action: self.action,
            uri: self.uri.to_owned(),
            match_policy: self.match_policy,
            options: self.options(),
        }
    }

    /// The message's options, as far as the router knows them.
    fn options(&self) -> Dict {
        let Ok(Value::List(elements)) = Serializer::Cbor.decode_value(&self.bare()) else {
            return Dict::new();
        };
        match elements.into_iter().nth(2) {
            Some(Value::Dict(options)) => options,
            _ => Dict::new(),
        }
    }

    /// The message in bytes, without its payload and with no request id of its own: equal bytes, equal deeds.
    fn bare(&self) -> Vec<u8> {
        let (request, payload) = (RequestId(0), Payload::empty());
        let bare: Message<'_> = match self.message {
            Message::Publish(Publish { options, .. }) => {
                Publish { request, options: options.clone(), topic: self.uri.into(), payload }.into()
            }
            Message::Call(Call { options, .. }) => {
                Call { request, options: options.clone(), procedure: self.uri.into(), payload }.into()
            }
            Message::Subscribe(Subscribe { options, .. }) => {
                Subscribe { request, options: options.clone(), topic: self.uri.into() }.into()
            }
            Message::Register(Register { options, .. }) => {
                Register { request, options: options.clone(), procedure: self.uri.into() }.into()
            }
            _ => return Vec::new(),
        };
        bare.to_bytes(Serializer::Cbor)
    }

    /// What a decision on this deed of this session depended on, as far as the session can change it: the deed with all its
    /// options, and the transport. What else an authorizer is told is the session's for as long as it lasts.
    #[cold]
    pub(crate) fn key(&self, peer: &Peer) -> Vec<u8> {
        let mut key = self.bare();
        key.extend_from_slice(&peer.session.id.0.to_be_bytes());
        key.extend_from_slice(&peer.transports.to_be_bytes());
        key
    }
}
