//! What the client says went wrong, as an exit code and a text, with what may help.

use std::io::ErrorKind;

use crossweave_client::{CallError, ConnectError, JoinError, RequestError, WampError};
use crossweave_transport::connector::{Cause, Step};
use crossweave_transport::tls::TlsError;
use crossweave_transport::url::UrlError;
use crossweave_transport::websocket::handshake::UpgradeError;
use crossweave_wamp::Value;

use crate::exit::{Code, Failure};
use crate::value;

/// The exit code of a refused request tells the router's answer from a lost connection.
pub(crate) fn request_failure(error: RequestError) -> Failure {
    let message = error.to_string();
    match error {
        RequestError::Refused { error, .. } => Failure::answered(Code::Wamp, error, message),
        RequestError::Disconnected(_) => Failure::connection(message),
        RequestError::Encode(_) => Failure::setup(message),
    }
}

/// The same for calls.
pub(crate) fn call_failure(error: CallError) -> Failure {
    match error {
        CallError::Application(_) | CallError::Timeout(_) | CallError::Canceled(_) => {
            let answer = WampError::from(error);
            let message = in_full(&answer);
            Failure::answered(Code::Wamp, answer, message)
        }
        CallError::Disconnected(why) => Failure::connection(why),
        error => Failure::setup(error),
    }
}

/// The same for connecting and joining.
pub(super) fn connect_failure(error: ConnectError) -> Failure {
    let message = match hint(&error) {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    };
    match error {
        ConnectError::Join { cause: JoinError::Refused(answer), .. } => {
            Failure::answered(Code::Setup, answer, message)
        }
        _ => Failure::connection(message),
    }
}

/// What is probably the matter.
fn hint(error: &ConnectError) -> Option<&'static str> {
    let ConnectError::Transport(error) = error else { return None };
    let is_tls = error.url.starts_with("wss:") || error.url.starts_with("rss:");
    match &error.cause {
        Cause::Url(UrlError::Scheme(scheme)) if scheme == "http" || scheme == "https" => {
            Some("a WebSocket is at ws:// or wss://; Crossweave's default is ws://127.0.0.1:8080/ws")
        }
        Cause::Url(UrlError::Scheme(_)) => {
            Some("a URL begins with its scheme, as ws://127.0.0.1:8080/ws does")
        }
        Cause::Io(io) if io.kind() == ErrorKind::ConnectionRefused => {
            Some("is a router running there? `crossweave start` runs one")
        }
        Cause::Io(io) if io.kind() == ErrorKind::NotFound && error.url.starts_with("unix") => {
            Some("is a router running there? its configuration names the socket")
        }
        Cause::Upgrade(UpgradeError::Status { status: 404, .. }) => {
            Some("is the path right? Crossweave's default is /ws")
        }
        Cause::Tls(TlsError::Handshake(io)) if is_no_tls(io.kind(), &io.to_string()) => {
            Some("perhaps this port does not speak TLS: try ws:// or rs://")
        }
        Cause::Upgrade(UpgradeError::Malformed(_)) | Cause::RawSocket(_) | Cause::Closed if !is_tls => {
            Some("perhaps this port speaks TLS, wss:// or rss://, or another protocol")
        }
        Cause::Io(io)
            if !is_tls && error.step == Step::Handshake && io.kind() == ErrorKind::ConnectionReset =>
        {
            Some("perhaps this port speaks TLS, wss:// or rss://, or another protocol")
        }
        _ => None,
    }
}

/// Whether a TLS handshake failed because the other side answered something else, or hung up.
fn is_no_tls(kind: ErrorKind, text: &str) -> bool {
    matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset)
        || text.contains("corrupt message")
        || text.contains("InvalidContentType")
}

/// The error with everything that came with it.
fn in_full(error: &WampError) -> String {
    let (text, rest) = match error.args.split_first() {
        Some((Value::Str(text), rest)) => (format!(": {text}"), rest),
        _ => (String::new(), &error.args[..]),
    };
    let more = value::one_line(rest, &error.kwargs);
    let separator = if more.is_empty() { "" } else { " " };
    format!("{}{text}{separator}{more}", error.uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_all_its_arguments() {
        let error =
            WampError::new("com.example.error.stock").arg("out of tea").arg(3).kwarg("until", "monday");
        assert_eq!(in_full(&error), "com.example.error.stock: out of tea [3] {\"until\":\"monday\"}");
        assert_eq!(in_full(&WampError::new("wamp.error.canceled")), "wamp.error.canceled");
        assert_eq!(in_full(&WampError::new("com.example.e").arg(5)), "com.example.e [5]");
    }
}
