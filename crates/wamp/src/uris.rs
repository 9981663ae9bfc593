//! The URIs that WAMP predefines. Specification: "Predefined URIs", and the advanced profile's "Error Handling".

/// A peer broke the protocol.
pub const PROTOCOL_VIOLATION: &str = "wamp.error.protocol_violation";
/// A URI is not valid, or reserved for the router.
pub const INVALID_URI: &str = "wamp.error.invalid_uri";
/// Nobody registered the procedure.
pub const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";
/// The procedure is registered, and not shared.
pub const PROCEDURE_ALREADY_EXISTS: &str = "wamp.error.procedure_already_exists";
/// The shared registration exists with another `invoke` policy.
pub const PROCEDURE_EXISTS_INVOCATION_POLICY_CONFLICT: &str =
    "wamp.error.procedure_exists_with_different_invocation_policy";
/// UNREGISTER for a registration the session does not hold.
pub const NO_SUCH_REGISTRATION: &str = "wamp.error.no_such_registration";
/// UNSUBSCRIBE for a subscription the session does not hold.
pub const NO_SUCH_SUBSCRIPTION: &str = "wamp.error.no_such_subscription";
/// No events are kept for the subscription (Crossbar.io's URI).
pub const HISTORY_UNAVAILABLE: &str = "wamp.error.history_unavailable";
/// No session has the id.
pub const NO_SUCH_SESSION: &str = "wamp.error.no_such_session";
/// Arguments do not fit the procedure.
pub const INVALID_ARGUMENT: &str = "wamp.error.invalid_argument";
/// An option or a combination of options is not allowed.
pub const OPTION_NOT_ALLOWED: &str = "wamp.error.option_not_allowed";
/// The option `disclose_me` is not allowed.
pub const OPTION_DISALLOWED_DISCLOSE_ME: &str = "wamp.error.option_disallowed.disclose_me";
/// The call was cancelled.
pub const CANCELED: &str = "wamp.error.canceled";
/// The call's `timeout` passed.
pub const TIMEOUT: &str = "wamp.error.timeout";
/// No callee can take the call.
pub const UNAVAILABLE: &str = "wamp.error.unavailable";
/// All candidates of a shared registration refused or left.
pub const NO_AVAILABLE_CALLEE: &str = "wamp.error.no_available_callee";
/// The peer asked for a feature it or the other side did not announce.
pub const FEATURE_NOT_SUPPORTED: &str = "wamp.error.feature_not_supported";
/// The session's role forbids the action.
pub const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
/// The authorizer itself failed.
pub const AUTHORIZATION_FAILED: &str = "wamp.error.authorization_failed";
/// The peer did not prove who it is.
pub const AUTHENTICATION_FAILED: &str = "wamp.error.authentication_failed";
/// No authentication method the peer offers is configured.
pub const NO_MATCHING_AUTH_METHOD: &str = "wamp.error.no_matching_auth_method";
/// The realm does not exist.
pub const NO_SUCH_REALM: &str = "wamp.error.no_such_realm";
/// The role does not exist on the realm.
pub const NO_SUCH_ROLE: &str = "wamp.error.no_such_role";
/// A payload is larger than the receiver takes.
pub const PAYLOAD_SIZE_EXCEEDED: &str = "wamp.error.payload_size_exceeded";
/// A bound of the router is reached (Crossbar.io's URI).
pub const MAX_CONCURRENCY_REACHED: &str = "crossbar.error.max_concurrency_reached";
/// A bound of this router is reached: subscriptions per session, calls in flight, ….
pub const RESOURCE_EXHAUSTED: &str = "wamp.error.resource_exhausted";
/// A procedure raised an error of its own.
pub const RUNTIME_ERROR: &str = "wamp.error.runtime_error";

/// Normal close.
pub const CLOSE_NORMAL: &str = "wamp.close.normal";
/// The peer leaves the realm.
pub const CLOSE_REALM: &str = "wamp.close.close_realm";
/// Answer to GOODBYE.
pub const GOODBYE_AND_OUT: &str = "wamp.close.goodbye_and_out";
/// The router shuts down.
pub const SYSTEM_SHUTDOWN: &str = "wamp.close.system_shutdown";
/// The client logs out: what it was remembered by is forgotten, and its other connections are closed.
pub const CLOSE_LOGOUT: &str = "wamp.close.logout";
/// A session was killed through the meta API.
pub const CLOSE_KILLED: &str = "wamp.close.killed";
/// The peer did not say HELLO or AUTHENTICATE in time.
pub const CLOSE_TIMEOUT: &str = "wamp.close.timeout";
/// The peer reads too slowly for what it asked for.
pub const CLOSE_SLOW_RECEIVER: &str = "wamp.close.slow_receiver";
