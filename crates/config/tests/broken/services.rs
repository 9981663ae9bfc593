//! Broken web services, and transports that are not built yet.

use crossweave_config::Severity;

use super::{Case, REALMS, line_column, problems, sentence};
use crossweave_config::Format;

/// As elsewhere, but remarks on what is not built yet do not count.
fn errors(case: &Case) {
    let mark = case.text.find('§').expect("a mark");
    let text = case.text.replace('§', "");
    let problems = problems(&text, case.format);
    let shown = format!("{problems}\n--- of ---\n{}", case.text);
    let is_remark = |it: &&crossweave_config::Problem| {
        it.severity == Severity::NotBuilt || it.message.contains("answers 501")
    };
    let found: Vec<_> = problems.iter().filter(|it| !is_remark(it)).collect();
    let [problem] = found.as_slice() else { panic!("one problem\n{shown}") };
    assert_eq!(problem.place.map(|at| (at.line, at.column)), Some(line_column(&text, mark)), "{shown}");
    assert_eq!(problem.path, case.expected[0].0, "{shown}");
    let whole = sentence(problem);
    assert!(whole.contains(case.expected[0].1), "`{whole}`\n{shown}");
}

fn transport(inner: &str, rest: &str, fragment: &'static str) {
    let text = format!(
        "{{\n\"version\": 2, \"workers\": [{{\"type\": \"router\", {REALMS}, \"transports\": [{inner}]}}]}}"
    );
    let path: &'static str = format!("$.workers[0].transports[0]{rest}").leak();
    errors(&Case { text, format: Format::Json, expected: vec![(path, fragment)] });
}

fn service(inner: &str, rest: &str, fragment: &'static str) {
    let text =
        format!(r#"{{"type": "web", "endpoint": {{"type": "tcp", "port": 1}}, "paths": {{"x": {inner}}}}}"#);
    transport(&text, &format!(".paths.x{rest}"), fragment);
}

const AS: &str = r#""realm": "realm1", "role": "anonymous""#;

#[test]
fn files_values_and_redirects() {
    service(r#"§{"type": "static"}"#, "", "has no `directory`");
    service(r#"{"type": "static", "directory": §"a", "package": "p"}"#, ".directory", "not both");
    service(r#"§{"type": "static", "package": "p"}"#, "", "has no `directory`");
    for resource in ["../a", "/etc", "a/../../b"] {
        service(
            &format!(r#"{{"type": "static", "package": "p", "resource": §"{resource}"}}"#),
            ".resource",
            "a resource is a folder in its package",
        );
    }
    service(
        r#"{"type": "static", "directory": "a", "options": {§"enable_dir_listing": true}}"#,
        ".options.enable_dir_listing",
        "nearest enable_directory_listing",
    );
    service(
        r#"{"type": "static", "directory": "a", "options": {"cache_timeout": §-1}}"#,
        ".options.cache_timeout",
        "seconds",
    );
    service(
        r#"{"type": "static", "directory": "a", "options": {"mime_types": {".md": §"text"}}}"#,
        ".options.mime_types[\".md\"]",
        "`text` is not a MIME type",
    );
    service(r#"§{"type": "json"}"#, "", "has no `value`");
    service(
        r#"{"type": "json", "value": null, "options": {"prettify": §1}}"#,
        ".options.prettify",
        "expected true or false",
    );
    service(r#"§{"type": "redirect"}"#, "", "has no `url`");
    service(r#"{"type": "redirect", "url": §"a b"}"#, ".url", "no white space");
    service(r#"§{"type": "rust"}"#, "", "has no `name`");
    service(r#"{"type": "rust", "name": "a", §"options": {}}"#, ".options", "unknown key `options`");
    service(r#"{"type": "nodeinfo", §"options": {}}"#, ".options", "unknown key `options`");
    service(r#"{"type": §"pairme"}"#, ".type", "web service `pairme` is refused");
}

#[test]
fn the_rest_bridge() {
    service(r#"§{"type": "publisher", "realm": "realm1"}"#, "", "has no `role`");
    service(r#"{"type": "caller", "realm": §"relm1", "role": "anonymous"}"#, ".realm", "nearest realm1");
    service(r#"{"type": "caller", "realm": "realm1", "role": §"anonymus"}"#, ".role", "nearest anonymous");
    let option = |inner: &str, rest: &str, fragment| {
        service(
            &format!(r#"{{"type": "publisher", {AS}, "options": {{{inner}}}}}"#),
            &format!(".options{rest}"),
            fragment,
        );
    };
    option(r#""post_body_limit": §1048577"#, ".post_body_limit", "from 0 to 1048576 bytes");
    option(r#""timestamp_delta_limit": §86401"#, ".timestamp_delta_limit", "from 0 to 86400 seconds");
    option(r#""require_ip": §"10.0.0.0/8""#, ".require_ip", "expected a list of networks");
    option(r#""require_ip": [§"10.0.0.0/33"]"#, ".require_ip[0]", "`10.0.0.0/33` is not a network");
    option(r#""require_ip": [§"10.0.0.0/255.0.255.0"]"#, ".require_ip[0]", "is not a network");
    option(r#"§"timeout": 1"#, ".timeout", "unknown key `timeout`");
    option(r#""allowed_origins": [§"example.com"]"#, ".allowed_origins[0]", "no web page has the origin");
    service(
        &format!(r#"{{"type": "caller", {AS}, "options": {{"timeout": §600001}}}}"#),
        ".options.timeout",
        "from 1 to 600000 milliseconds",
    );
    option(r#"§"timestamp_delta": 1"#, ".timestamp_delta", "nearest timestamp_delta_limit");
    service(
        &format!(r#"{{"type": "publisher", {AS}, "options": §{{"key": "k"}}}}"#),
        ".options",
        "there is no `secret`",
    );
    service(
        &format!(r#"{{"type": "publisher", {AS}, "options": {{"key": "k", "secret": §"${{NOT_SET}}"}}}}"#)
            .replace("\"key\": \"k\", ", ""),
        ".options.secret",
        "`NOT_SET` is not set",
    )
}

#[test]
fn webhooks_and_long_polling() {
    service(&format!(r#"§{{"type": "webhook", {AS}}}"#), "", "has no `options`");
    service(&format!(r#"{{"type": "webhook", {AS}, "options": §{{}}}}"#), ".options", "has no `topic`");
    service(
        &format!(r#"{{"type": "webhook", {AS}, "options": {{"topic": §"a b"}}}}"#),
        ".options.topic",
        "`a b` is not a URI",
    );
    service(
        r#"{"type": "longpoll", "options": {"request_timeout": §-1}}"#,
        ".options.request_timeout",
        "from 0 to 3600 seconds",
    );
    service(
        r#"{"type": "longpoll", "options": {"session_timeout": §0}}"#,
        ".options.session_timeout",
        "never end",
    );
    service(
        r#"{"type": "longpoll", "options": {"max_message_size": §16777216}}"#,
        ".options.max_message_size",
        "from 1024 to 16777215 bytes",
    );
    service(r#"{"type": "longpoll", "serializers": [§"xml"]}"#, ".serializers[0]", "unknown");
    service(r#"{"type": "longpoll", "auth": §{}}"#, ".auth", "names no method");
    service(r#"§{"type": "longpoll", "auth": {"cookie": {}}}"#, "", "has no cookies");
    service(
        r#"{"type": "longpoll", "options": {"debug_transport_id": §"x"}}"#,
        ".options.debug_transport_id",
        "no effect",
    );
    service(
        &format!(r#"{{"type": "webhook", {AS}, "options": {{"topic": "a.b", "require_ip": [§"x"]}}}}"#),
        ".options.require_ip[0]",
        "is not a network",
    );
    service(
        r#"{"type": "longpoll", "options": {"queue_limit_bytes": §1}}"#,
        ".options.queue_limit_bytes",
        "from 1024 to",
    );
}

#[test]
fn what_passes_on() {
    service(r#"§{"type": "reverseproxy", "port": 80}"#, "", "has no `host`");
    service(r#"{"type": "reverseproxy", "host": "h", "port": §0}"#, ".port", "out of range: 0");
    service(
        r#"{"type": "reverseproxy", "host": "h", "forwarded_proto": §"ftp"}"#,
        ".forwarded_proto",
        "expected one of `http`, `https`",
    );
    service(r#"§{"type": "websocket-reverseproxy"}"#, "", "has no `backend`");
    service(
        r#"{"type": "websocket-reverseproxy", "backend": §{"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": "s"}}}"#,
        ".backend",
        "only be passed on to WebSocket",
    );
}

#[test]
fn python_programs_archives_and_pages() {
    service(r#"§{"type": "wsgi", "module": "m"}"#, "", "has no `object`");
    service(
        r#"{"type": "wsgi", "module": "m", "object": "o", "minthreads": §30}"#,
        ".minthreads",
        "more than `maxthreads`",
    );
    service(r#"§{"type": "resource"}"#, "", "has no `classname`");
    service(r#"§{"type": "cgi", "directory": "d"}"#, "", "has no `processor`");
    service(r#"§{"type": "archive"}"#, "", "has no `archive`");
    service(
        r#"§{"type": "archive", "archive": "a.zip", "download": true}"#,
        "",
        "no `origin` to download from",
    );
    service(
        r#"{"type": "archive", "archive": "a.zip", "hashes": [§"12"]}"#,
        ".hashes[0]",
        "64 hexadecimal digits",
    );
    service(
        r#"{"type": "archive", "archive": "a.zip", "origin": §"ftp://h/a.zip"}"#,
        ".origin",
        "expected `http://...` or `https://...`",
    );
    service(r#"§{"type": "catalog"}"#, "", "has no `filename`");
    service(
        r#"{"type": "wap", "templates": "t", "routes": [{"path": §"x", "render": "r"}], "wamp": {"realm": "realm1", "authrole": "anonymous"}}"#,
        ".routes[0].path",
        "begins with `/`",
    );
    service(
        r#"{"type": "wap", "templates": "t", "routes": [{"path": "/", "render": "r", "method": §"PUT"}], "wamp": {"realm": "realm1", "authrole": "anonymous"}}"#,
        ".routes[0].method",
        "unknown method `PUT`",
    );
    service(
        r#"{"type": "wap", "templates": "t", "routes": [], "wamp": §{"realm": "realm1"}}"#,
        ".wamp",
        "has no `authrole`",
    );
}

#[test]
fn uploads() {
    const FORM: &str = r#""file_name": "a", "mime_type": "b", "total_size": "c", "chunk_number": "d", "chunk_size": "e", "total_chunks": "f""#;
    let upload = |form: &str, rest: &str, at: &str, fragment| {
        service(
            &format!(r#"{{"type": "upload", {AS}, "directory": "d", "form_fields": {form}{rest}}}"#),
            at,
            fragment,
        );
    };
    upload(&format!("§{{{FORM}}}"), "", ".form_fields", "has no `content`");
    upload(
        &format!(r#"{{{FORM}, "content": "g", "on_progress": §"a b"}}"#),
        "",
        ".form_fields.on_progress",
        "`a b` is not a URI",
    );
    upload(
        &format!(r#"{{{FORM}, "content": "g"}}"#),
        r#", "options": {"file_permissions": §"rwx"}"#,
        ".options.file_permissions",
        "an octal number in quotes",
    );
    upload(
        &format!(r#"{{{FORM}, "content": "g"}}"#),
        r#", "options": {"max_file_size": §-1}"#,
        ".options.max_file_size",
        "out of range: -1",
    );
}

#[test]
fn web_options() {
    let option = |inner: &str, key: &str, fragment| {
        transport(
            &format!(
                r#"{{"type": "web", "endpoint": {{"type": "tcp", "port": 1}}, "paths": {{}}, "options": {{{inner}}}}}"#
            ),
            &format!(".options.{key}"),
            fragment,
        );
    };
    option(r#""hsts": §"yes""#, "hsts", "expected true or false");
    option(r#""client_timeout": §0"#, "client_timeout", "from 1 to 86400 seconds");
    option(r#""hsts_max_age": §-1"#, "hsts_max_age", "out of range");
}

#[test]
fn mqtt() {
    let options = |inner: &str, rest: &str, fragment| {
        transport(
            &format!(r#"{{"type": "mqtt", "endpoint": {{"type": "tcp", "port": 1}}, "options": {inner}}}"#),
            &format!(".options{rest}"),
            fragment,
        );
    };
    options(
        r#"{"realm": "realm1", "auth": {"otp": §{"type": "function", "create": "otp"}}}"#,
        ".auth.otp",
        "error: MQTT clients cannot log in by `otp`: they answer no challenges",
    );
    options("§{}", "", "has no `realm`");
    options(r#"{"realm": §"realm2"}"#, ".realm", "has no realm `realm2`");
    options(r#"{"realm": "realm1", "role": §"anon"}"#, ".role", "has no role `anon`");
    options(
        r#"{"realm": "realm1", "payload_mapping": {"a.": {"type": §"nativ"}}}"#,
        ".payload_mapping[\"a.\"].type",
        "nearest native",
    );
    options(
        r#"{"realm": "realm1", "payload_mapping": {"a.": §{"type": "native"}}}"#,
        ".payload_mapping[\"a.\"]",
        "has no `serializer`",
    );
    options(
        r#"{"realm": "realm1", "payload_mapping": {"a.": §{"type": "dynamic", "encoder": "a.b"}}}"#,
        ".payload_mapping[\"a.\"]",
        "has no `decoder`",
    );
    options(
        r#"{"realm": "realm1", "payload_mapping": {"a.#": §{"type": "passthrough"}}}"#,
        ".payload_mapping[\"a.#\"]",
        "no wildcards",
    );
    transport(
        r#"{"type": "flashpolicy", "endpoint": {"type": "tcp", "port": 1}, "allowed_ports": [§0]}"#,
        ".allowed_ports[0]",
        "out of range: 0",
    );
}

#[test]
fn an_older_name_of_a_transport_is_told_the_newer_one() {
    transport(
        r#"{"type": §"unisocket", "endpoint": {"type": "tcp", "port": 1}, "rawsocket": {}, "websocket": {}}"#,
        ".type",
        "transport type `unisocket` is called `universal` now; expected `universal`",
    );
}
