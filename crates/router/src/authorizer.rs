//! Roles that ask at run time instead of having fixed permissions.

use std::future::Future;
use std::pin::Pin;

use crossweave_router_core::boundary::{AuthorizeRequest, Decision};

/// Decides for the sessions of dynamic roles. A realm has at most one.
///
/// The session's later messages wait in order; other sessions do not notice. An answer that takes longer than five seconds
/// counts as [`Decision::Failed`].
pub trait Authorizer: Send + Sync {
    /// Decides on one request on this realm.
    fn authorize(
        &self,
        realm: &str,
        request: AuthorizeRequest,
    ) -> Pin<Box<dyn Future<Output = Decision> + Send + '_>>;
}
