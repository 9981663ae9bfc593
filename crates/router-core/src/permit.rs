//! Before a message is carried out: is its URI valid, and may its session use it so?

use crossweave_wamp::{MatchPolicy, Message, RequestId, uri, uris};

use crate::authorization::{Authorization, Disclose, Roles};
use crate::boundary::{Action, AuthorizeRequest, Decision};
use crate::broker::Broker;
use crate::dealer::Dealer;
use crate::limits::RealmOptions;
use crate::meta;
use crate::refused::Refused;
use crate::session::Peer;
use crate::slab::Key;

/// Whether a message may be carried out.
#[derive(Debug)]
pub(crate) enum Permit {
    /// It may.
    Granted(Route),
    /// The role's authorizer is to say.
    Ask(AuthorizeRequest),
}

/// What was learnt on the way that carrying it out needs too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// The subscription or registration of exactly this URI, if there is one.
    pub(crate) exact: Option<Key>,
    /// Whether the publisher or caller is disclosed.
    pub(crate) disclose: Disclose,
}

impl Permit {
    /// For what needs no permission.
    const FREE: Permit = Permit::Granted(Route { exact: None, disclose: Disclose::AsAsked });
}

/// The parts of a realm that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desk<'r> {
    pub(crate) options: &'r RealmOptions,
    pub(crate) roles: &'r Roles,
    pub(crate) broker: &'r Broker,
    pub(crate) dealer: &'r Dealer,
}

impl Desk<'_> {
    /// Whether the URI of a message is valid and its session may use it. Messages without a URI need no permission.
    #[inline]
    pub(crate) fn permit(
        &self,
        peer: &Peer,
        message: &Message<'_>,
        decision: Option<Decision>,
    ) -> Result<Permit, Refused> {
        let exact = MatchPolicy::Exact;
        match message {
            Message::Publish(it) => {
                // What somebody subscribed to was checked then.
                let found = self.broker.exact(&it.topic);
                self.check(found, &it.topic, exact)?;
                forbid_reserved(&it.topic)?;
                self.authorize(peer, Action::Publish, &it.topic, exact, found, decision)
            }
            Message::Call(it) => {
                let found = self.dealer.exact(&it.procedure);
                self.check(found, &it.procedure, exact)?;
                if is_continuation(peer, it.request) {
                    return Ok(Permit::FREE);
                }
                self.authorize(peer, Action::Call, &it.procedure, exact, found, decision)
            }
            Message::Subscribe(it) => {
                self.check(None, &it.topic, it.options.match_policy)?;
                self.authorize(peer, Action::Subscribe, &it.topic, it.options.match_policy, None, decision)
            }
            Message::Register(it) => {
                self.check(None, &it.procedure, it.options.match_policy)?;
                forbid_reserved(&it.procedure)?;
                self.authorize(peer, Action::Register, &it.procedure, it.options.match_policy, None, decision)
            }
            _ => Ok(Permit::FREE),
        }
    }

    #[inline]
    fn check(&self, found: Option<Key>, uri: &str, policy: MatchPolicy) -> Result<(), Refused> {
        if found.is_some() {
            return Ok(());
        }
        let max = self.options.limits.uri_len_max;
        if uri.len() > max {
            return Err(uri::BadUri::TooLong { len: uri.len(), max }.into());
        }
        uri::check(uri, policy, self.options.strictness)?;
        if policy == MatchPolicy::Wildcard { self.check_wildcards(uri) } else { Ok(()) }
    }

    /// What is empty beyond the bound would double the ways through the table of patterns, for every URI looked up in it.
    fn check_wildcards(&self, pattern: &str) -> Result<(), Refused> {
        let max = self.options.limits.wildcard_positions_max;
        match pattern.split('.').skip(max).position(str::is_empty) {
            None => Ok(()),
            Some(at) => {
                let at = max + at + 1;
                let why = format!(
                    "component {at} of wildcard pattern {pattern:?} is empty: only the first {max} may be"
                );
                Err(Refused::new(uris::INVALID_URI, why))
            }
        }
    }

    #[inline]
    fn authorize(
        &self,
        peer: &Peer,
        action: Action,
        uri: &str,
        policy: MatchPolicy,
        exact: Option<Key>,
        decision: Option<Decision>,
    ) -> Result<Permit, Refused> {
        let disclose = match (decision, self.roles.get(peer.role)) {
            (Some(Decision::Allow { disclose }), _) => Some(disclose),
            (Some(Decision::Deny), _) | (None, None) => None,
            (Some(Decision::Failed), _) => return Err(authorizer_failed(action, uri)),
            (None, Some(Authorization::Static(permissions))) => permissions.decide(action, uri, policy),
            (None, Some(Authorization::Dynamic)) => {
                return Ok(Permit::Ask(request(peer, action, uri, policy)));
            }
        };
        let Some(disclose) = disclose else { return Err(denied(peer, action, uri)) };
        Ok(Permit::Granted(Route { exact, disclose }))
    }
}

/// A continuation of a progressive call goes where the call went; the call was permitted.
#[inline]
fn is_continuation(caller: &Peer, request: RequestId) -> bool {
    caller.open_calls > 0 && caller.calls.contains_key(&request)
}

#[inline]
fn forbid_reserved(uri: &str) -> Result<(), Refused> {
    if meta::is_reserved(uri) {
        return Err(Refused::new(uris::INVALID_URI, format!("uri {uri:?} is reserved for the router")));
    }
    Ok(())
}

#[cold]
fn authorizer_failed(action: Action, uri: &str) -> Refused {
    let action = action.as_str();
    Refused::new(
        uris::AUTHORIZATION_FAILED,
        format!("could not find out whether the session may {action} {uri:?}"),
    )
}

#[cold]
fn denied(peer: &Peer, action: Action, uri: &str) -> Refused {
    let (authid, authrole, action) = (&peer.session.authid, &peer.session.authrole, action.as_str());
    let why =
        format!("session of authid {authid:?} with role {authrole:?} is not authorized to {action} {uri:?}");
    Refused::new(uris::NOT_AUTHORIZED, why)
}

#[cold]
fn request(peer: &Peer, action: Action, uri: &str, match_policy: MatchPolicy) -> AuthorizeRequest {
    AuthorizeRequest {
        session: peer.session.id,
        authid: peer.session.authid.clone(),
        authrole: peer.session.authrole.clone(),
        action,
        uri: uri.to_owned(),
        match_policy,
    }
}
