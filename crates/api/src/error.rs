//! Why a procedure was not carried out.

use std::fmt;

macro_rules! errors {
    ($($(#[doc = $doc:literal])* $name:ident = $uri:literal;)+) => {
        $($(#[doc = $doc])* pub const $name: &str = $uri;)+

        /// Every error URI with what it means.
        pub(crate) const ERRORS: &[(&str, &[&str])] = &[$(($uri, &[$($doc),*])),+];
    };
}

errors! {
    /// An argument is missing, of the wrong type, or not known.
    INVALID_ARGUMENT = "crossbar.error.invalid_argument";
    /// A part of a configuration has errors, which are told one by one.
    INVALID_CONFIGURATION = "crossbar.error.invalid_configuration";
    /// There is no worker of this id.
    NO_SUCH_WORKER = "crossbar.error.no_such_worker";
    /// There is nothing of this id.
    NO_SUCH_OBJECT = "crossbar.error.no_such_object";
    /// There is a worker of this id.
    WORKER_ALREADY_RUNNING = "crossbar.error.worker_already_running";
    /// The worker is not running, or no longer.
    WORKER_NOT_RUNNING = "crossbar.error.worker_not_running";
    /// Something of this id is running.
    ALREADY_RUNNING = "crossbar.error.already_running";
    /// Something of this id or name is there.
    ALREADY_EXISTS = "crossbar.error.already_exists";
    /// It is not running.
    NOT_RUNNING = "crossbar.error.not_running";
    /// It could not be started.
    CANNOT_START = "crossbar.error.cannot_start";
    /// It could not be stopped.
    CANNOT_STOP = "crossbar.error.cannot_stop";
    /// What is to be run was not found, or fails as it is loaded.
    CLASS_IMPORT_FAILED = "crossbar.error.class_import_failed";
    /// The router that is to be joined cannot be reached.
    CANNOT_CONNECT = "crossbar.error.cannot_connect";
    /// The address cannot be listened on.
    CANNOT_LISTEN = "crossbar.error.cannot_listen";
    /// This is not built, or not possible here.
    FEATURE_UNAVAILABLE = "crossbar.error.feature_unavailable";
    /// It failed for a reason that the text tells.
    RUNTIME_ERROR = "crossbar.error.runtime_error";
}

/// Why a procedure was not carried out: a URI and a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// One of the constants of this module.
    pub uri: &'static str,
    /// What is the matter, with the value and the place.
    pub message: String,
}

impl Error {
    /// An error with this URI and text.
    pub fn new(uri: &'static str, message: impl fmt::Display) -> Error {
        Error { uri, message: message.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
