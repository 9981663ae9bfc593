//! The `transport` of a component: as Autobahn takes it, and as a URL for our own client.

use crossweave_client::{Auth, Options, PrivateKey, Reconnect};
use crossweave_config::{
    ClientTls, ConnectingEndpoint, ConnectingProtocol, ConnectingTransport, IpVersion, Serializer,
};
use serde_json::{Value as Json, json};

/// The transport as `host.py` takes it. `written` is the part of the configuration that it was read from.
pub(crate) fn of_host(transport: &ConnectingTransport, written: &Json) -> Json {
    let options = written.get("options").cloned().unwrap_or_else(|| json!({}));
    let endpoint = match &transport.endpoint {
        ConnectingEndpoint::Tcp(tcp) => json!({
            "type": "tcp",
            "host": tcp.host,
            "port": tcp.port,
            "version": if tcp.version == IpVersion::V6 { 6 } else { 4 },
            "timeout": tcp.timeout,
            "tls": tcp.tls.as_ref().map(tls),
        }),
        ConnectingEndpoint::Unix { path, timeout } => {
            json!({"type": "unix", "path": path, "timeout": timeout})
        }
    };
    match &transport.protocol {
        ConnectingProtocol::WebSocket { url, serializers, .. } => {
            let serializers: Vec<&str> = serializers.iter().map(|it| name(*it)).collect();
            // All of them means those that Autobahn finds installed.
            let serializers = written.get("serializers").is_some().then_some(serializers);
            json!({"type": "websocket", "url": url, "serializers": serializers, "options": options,
                "endpoint": endpoint})
        }
        ConnectingProtocol::RawSocket { serializer, url, .. } => json!({"type": "rawsocket",
            "serializer": name(*serializer), "url": url, "options": options, "endpoint": endpoint}),
    }
}

fn tls(tls: &ClientTls) -> Json {
    json!({"hostname": tls.hostname, "ca_certificates": tls.ca_certificates,
        "certificate": tls.certificate, "key": tls.key})
}

fn name(serializer: Serializer) -> &'static str {
    match serializer {
        Serializer::Json => "json",
        Serializer::MsgPack => "msgpack",
        Serializer::Cbor => "cbor",
        Serializer::Ubjson => "ubjson",
        Serializer::FlatBuffers => "flatbuffers",
    }
}

/// Where our own client connects to.
///
/// # Errors
/// It cannot.
pub(crate) fn url(transport: &ConnectingTransport) -> Result<String, String> {
    let (scheme, path) = match &transport.protocol {
        ConnectingProtocol::WebSocket { url, .. } => {
            let rest = url.split_once("://").map_or("", |(_, rest)| rest);
            ("ws", rest.find('/').map_or("/", |at| &rest[at..]))
        }
        ConnectingProtocol::RawSocket { .. } => ("rs", ""),
    };
    match &transport.endpoint {
        ConnectingEndpoint::Unix { path: socket, .. } if scheme == "ws" => {
            Ok(format!("unix+ws://{}?path={path}", socket.display()))
        }
        ConnectingEndpoint::Unix { path: socket, .. } => Ok(format!("unix:{}", socket.display())),
        ConnectingEndpoint::Tcp(tcp) => {
            if let Some(tls) = tcp.tls.as_ref().filter(|tls| tls.hostname != tcp.host) {
                return Err(format!(
                    "the client in Rust connects to the host that the certificate is for: `host` is {:?}, and `hostname` {:?}",
                    tcp.host, tls.hostname
                ));
            }
            let s = if tcp.tls.is_some() { "s" } else { "" };
            let host = if tcp.host.contains(':') { format!("[{}]", tcp.host) } else { tcp.host.clone() };
            Ok(format!("{scheme}{s}://{host}:{}{path}", tcp.port))
        }
    }
}

/// Options of our own client, with `auth` of the component.
///
/// # Errors
/// They mean nothing to it.
pub(crate) fn client_options(
    transport: &ConnectingTransport,
    auth: Option<&Json>,
) -> Result<Options, String> {
    let mut options = Options { reconnect: Reconnect::Off, ..Options::default() };
    if let ConnectingEndpoint::Tcp(tcp) = &transport.endpoint
        && let Some(tls) = &tcp.tls
    {
        if tls.ca_certificates.len() > 1 {
            return Err("the client in Rust takes one file of `ca_certificates`, with all of them".to_owned());
        }
        options.ca_file = tls.ca_certificates.first().cloned();
        options.certificate = tls.certificate.clone().zip(tls.key.clone());
    }
    if let Some(auth) = auth {
        options.auth = login(auth)?;
    }
    Ok(options)
}

/// `auth`, with one method.
fn login(auth: &Json) -> Result<Auth, String> {
    let Some((method, of)) = auth.as_object().and_then(|it| it.iter().next()) else {
        return Ok(Auth::Anonymous);
    };
    let text = |key: &str| {
        let found = of.get(key).and_then(Json::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("auth.{method} has no `{key}`"))
    };
    match method.as_str() {
        "anonymous" => Ok(Auth::Anonymous),
        "ticket" => Ok(Auth::ticket(&text("authid")?, text("ticket")?)),
        "wampcra" => Ok(Auth::wamp_cra(&text("authid")?, text("secret")?)),
        "scram" => Ok(Auth::scram(&text("authid")?, text("password")?)),
        "cryptosign" => {
            let key = PrivateKey::from_hex(&text("privkey")?).map_err(|error| error.to_string())?;
            Ok(Auth::Cryptosign { authid: text("authid").ok(), key, router: None })
        }
        other => Err(format!("the client in Rust cannot log in by {other:?}")),
    }
}
