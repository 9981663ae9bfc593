//! What the client says went wrong, as an exit code and a text, with what may help.

use std::io::ErrorKind;

use crossweave_client::{CallError, ConnectError, JoinError, RequestError, WampError};
use crossweave_transport::connector::{Cause, Step};
use crossweave_transport::tls::TlsError;
use crossweave_transport::url::UrlError;
use crossweave_transport::websocket::handshake::UpgradeError;
use crossweave_wamp::{Value, uris};

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
    let text = readable(&error.to_string());
    let message = match hint(&error) {
        Some(hint) => format!("{text} ({hint})"),
        None => text,
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
    let error = match error {
        ConnectError::Transport(error) => error,
        ConnectError::Join { cause: JoinError::Refused(answer), .. }
            if answer.uri == uris::NO_MATCHING_AUTH_METHOD =>
        {
            return Some(
                "--ticket-file is for ticket, --secret-file for wampcra, --password-file for scram, --key-file for cryptosign",
            );
        }
        _ => return None,
    };
    let scheme = error.url.split(':').next().unwrap_or_default();
    let is_tls = matches!(scheme, "wss" | "rss");
    let other_protocol = match scheme.contains("unix") {
        true => {
            "perhaps another protocol is spoken there: unix:/path is RawSocket, unix+ws:///path WebSocket"
        }
        false => "perhaps this port speaks TLS, wss:// or rss://, or another protocol",
    };
    match &error.cause {
        Cause::Url(UrlError::Scheme(scheme)) if scheme == "http" || scheme == "https" => {
            Some("a WebSocket is at ws:// or wss://; Crossweave's default is ws://127.0.0.1:8080/ws")
        }
        Cause::Url(UrlError::Scheme(_)) => {
            Some("a URL begins with its scheme, as ws://127.0.0.1:8080/ws does")
        }
        Cause::Url(UrlError::UnixPath) => Some("write unix:/absolute/path or unix+ws:///absolute/path"),
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
        Cause::Tls(TlsError::Handshake(io)) => certificate_hint(&io.to_string()),
        Cause::Upgrade(UpgradeError::Malformed(_)) | Cause::RawSocket(_) | Cause::Closed if !is_tls => {
            Some(other_protocol)
        }
        Cause::Io(io)
            if !is_tls && error.step == Step::Handshake && io.kind() == ErrorKind::ConnectionReset =>
        {
            Some(other_protocol)
        }
        _ => None,
    }
}

/// How a client comes to trust the certificate it was shown.
fn certificate_hint(text: &str) -> Option<&'static str> {
    let what = text.split_once(BAD_CERTIFICATE)?.1;
    // With these, it matters little who issued it.
    Some(if what.contains("not valid for name") || what.contains("NotValidForName") {
        "the URL must have a name of the certificate; --ca-file FILE names only its issuer"
    } else if what.contains("expired") || what.contains("Expired") {
        "the server needs a new certificate; --ca-file FILE names its issuer"
    } else {
        "the server's certificate is not trusted: --ca-file FILE names its issuer"
    })
}

/// What the TLS library writes before the reason.
const BAD_CERTIFICATE: &str = "invalid peer certificate: ";

/// The text with the name of a certificate error as words, and without the octets that the library dumps behind it:
/// `UnsupportedThingContext { id: [1, 2] }` becomes `unsupported thing`.
fn readable(text: &str) -> String {
    let Some((before, rest)) = text.split_once(BAD_CERTIFICATE) else { return text.to_owned() };
    let (what, after) = rest.split_at(rest.find("; ").unwrap_or(rest.len()));
    let name = what.split(" {").next().unwrap_or(what).trim_end_matches(')');
    // `Other(OtherError(Name))`
    let name = name.rsplit('(').next().unwrap_or(name);
    let is_name = name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric);
    if !is_name {
        return text.to_owned();
    }
    let mut words = String::new();
    for character in name.trim_end_matches("Context").chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    format!("{before}{BAD_CERTIFICATE}{words}{after}")
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
    fn a_certificate_error_is_told_in_words() {
        let dump = "tls handshake failed: invalid peer certificate: \
                    UnsupportedSignatureAlgorithmForPublicKeyContext { signature_algorithm_id: [48, 10], \
                    public_key_algorithm_id: [6, 7] }";
        let words = "tls handshake failed: invalid peer certificate: \
                     unsupported signature algorithm for public key";
        assert_eq!(readable(dump), words);
        assert!(certificate_hint(dump).is_some_and(|hint| hint.contains("--ca-file")));
        assert_eq!(
            readable("a: invalid peer certificate: UnknownIssuer; name it"),
            "a: invalid peer certificate: unknown issuer; name it"
        );
        assert_eq!(
            readable("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))"),
            "invalid peer certificate: ca used as end entity"
        );
        let named = "invalid peer certificate: certificate not valid for name \"a\"; it is for \"b\"";
        assert_eq!(readable(named), named);
        assert_eq!((readable("closed").as_str(), certificate_hint("closed")), ("closed", None));
    }

    #[test]
    fn an_error_is_told_with_all_its_arguments() {
        let error =
            WampError::new("com.example.error.stock").arg("out of tea").arg(3).kwarg("until", "monday");
        assert_eq!(in_full(&error), "com.example.error.stock: out of tea [3] {\"until\":\"monday\"}");
        assert_eq!(in_full(&WampError::new("wamp.error.canceled")), "wamp.error.canceled");
        assert_eq!(in_full(&WampError::new("com.example.e").arg(5)), "com.example.e [5]");
    }
}
