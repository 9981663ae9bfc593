//! Roles that ask at run time instead of having fixed permissions.

use std::future::Future;
use std::pin::Pin;

use crossweave_router_core::boundary::{AuthorizeRequest, Decision};

pub(crate) mod procedure;

/// Decides for the sessions of roles that are [`Authorization::Dynamic`](crossweave_router_core::Authorization). A realm has at
/// most one. Roles that name a procedure of the realm need none.
///
/// The session's later messages wait in order; other sessions do not notice. An answer that takes longer than five seconds
/// counts as [`Decision::Failed`], and so does one that panics.
pub trait Authorizer: Send + Sync {
    /// Decides on one request on this realm.
    fn authorize(
        &self,
        realm: &str,
        request: AuthorizeRequest,
    ) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>>;
}
