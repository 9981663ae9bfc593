//! What the router takes back.

use crate::error::WampError;

/// Why a [`Subscription`](crate::Subscription) or [`Registration`](crate::Registration) is over, though the application did
/// not end it and the client goes on. It is not made again by itself.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Withdrawn {
    /// The router revoked it: somebody called `wamp.subscription.remove_subscriber` or `wamp.registration.remove_callee`, or
    /// took the procedure with `force_reregister`.
    #[error("revoked by the router{}", because(reason.as_deref()))]
    Revoked {
        /// The reason, if the router gave one: a URI or a text.
        reason: Option<String>,
    },
    /// The router refused it on a new connection.
    #[error("refused after reconnecting: {0}")]
    Refused(WampError),
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}
