//! Broken workers other than routers, and their components.

use super::json;

const CONTAINER: &str = r#""realm": "realm1", "transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": "s"}}"#;

/// A disabled worker: what is wrong with it is reported, and not that it is not built yet.
fn off(inner: &str, path: &'static str, fragment: &'static str) {
    let options = r#""options": {"disabled": true}"#;
    json(&format!("{{\n\"version\": 2, \"workers\": [{{{inner}, {options}}}]}}"), path, fragment);
}

fn options(kind: &str, inner: &str, path: &'static str, fragment: &'static str) {
    let text = format!(
        "{{\n\"version\": 2, \"workers\": [{{\"type\": {kind}, \"options\": {{\"disabled\": true, {inner}}}}}]}}"
    );
    json(&text, path, fragment);
}

fn component(inner: &str, path: &'static str, fragment: &'static str) {
    off(&format!(r#""type": "container", "components": [{inner}]"#), path, fragment);
}

fn transport(inner: &str, path: &'static str, fragment: &'static str) {
    component(
        &format!(r#"{{"type": "class", "classname": "a.B", "realm": "realm1", "transport": {inner}}}"#),
        path,
        fragment,
    );
}

fn proxy(inner: &str, path: &'static str, fragment: &'static str) {
    off(&format!(r#""type": "proxy", {inner}"#), path, fragment);
}

#[test]
fn containers() {
    options(
        "\"container\"",
        r#""shutdown": §"shutdown-manually""#,
        "$.workers[0].options.shutdown",
        "nearest shutdown-manual",
    );
    options(
        "\"container\"",
        r#""restart": §"always""#,
        "$.workers[0].options.restart",
        "unknown restart `always`",
    );
    options(
        "\"container\"",
        r#""restart": "restart-always", "shutdown": §"shutdown-on-any-component-failed""#,
        "$.workers[0].options.shutdown",
        "never happens with this `restart`",
    );
    off(r#""type": "container", §"component": []"#, "$.workers[0].component", "nearest components");
    off(
        r#""type": "container", "components": §{}"#,
        "$.workers[0].components",
        "expected a list of components",
    );
    off(
        r#""type": "container", §"manhole": {"users": []}"#,
        "$.workers[0].manhole",
        "a shell into a Python process",
    );
    off(
        r#""type": "container", §"realm": "x""#,
        "$.workers[0].realm",
        "expected `\"template\": \"realm\"` beside it",
    );
    json(
        "{\n\"version\": 2, \"workers\": [§{\"type\": \"container\", \"template\": true}]}",
        "$.workers[0]",
        "has no `realm`",
    );
    off(r#""type": "container", "template": §1"#, "$.workers[0].template", "expected `realm`");
    off(
        r#""type": "container", "template": false, §"template-realm": "x""#,
        "$.workers[0][\"template-realm\"]",
        "expected `\"template\": \"realm\"` beside it",
    );
    off(
        r#""type": "container", "template": true, "realm": "x", "template-realm": §"x""#,
        "$.workers[0][\"template-realm\"]",
        "expected one of them",
    );
    off(
        r#""type": "container", "template": "realm", "realm": §"com.(?P<x>[a-z]""#,
        "$.workers[0].realm",
        "this is no regular expression: unclosed group",
    );
    off(
        r#""type": "container", §"max_workers": 5"#,
        "$.workers[0].max_workers",
        "expected `\"template\": \"realm\"` beside it",
    );
    off(
        r#""type": "guest", "executable": "a", "template": "realm", "realm": "a-.*", "max_workers": §0"#,
        "$.workers[0].max_workers",
        "0",
    );
    off(
        &format!(
            r#""type": "container", "template": "realm", "realm": "a-(?P<user>.+)", "components": [
                {{"type": "class", "classname": "a.B", {}}}]"#,
            CONTAINER.replace("\"realm1\"", "§\"a-{usr}\"")
        ),
        "$.workers[0].components[0].realm",
        "nearest user",
    );
}

#[test]
fn options_of_workers() {
    for kind in ["\"container\"", "\"proxy\"", "\"hostmonitor\""] {
        options(kind, r#""title": §1"#, "$.workers[0].options.title", "expected a string");
        options(
            kind,
            r#""python": §"bin/python""#,
            "$.workers[0].options.python",
            "neither an absolute path nor a name",
        );
        options(
            kind,
            r#""pythonpath": §"..""#,
            "$.workers[0].options.pythonpath",
            "expected a list of directories",
        );
        options(kind, r#""pythonpath": [§1]"#, "$.workers[0].options.pythonpath[0]", "expected a string");
        options(kind, r#""cpu_affinity": [§-1]"#, "$.workers[0].options.cpu_affinity[0]", "out of range: -1");
        options(
            kind,
            r#""cpu_affinity": [0, §0]"#,
            "$.workers[0].options.cpu_affinity[1]",
            "in the list already",
        );
        options(kind, r#""env": §[]"#, "$.workers[0].options.env", "expected an object");
        options(
            kind,
            r#""env": {§"inherits": true}"#,
            "$.workers[0].options.env.inherits",
            "nearest inherit",
        );
        options(
            kind,
            r#""env": {"inherit": §"PATH"}"#,
            "$.workers[0].options.env.inherit",
            "expected true or false",
        );
        options(
            kind,
            r#""env": {"vars": {"A": §1}}"#,
            "$.workers[0].options.env.vars.A",
            "expected a string",
        );
        options(
            kind,
            r#""env": {"vars": {§"A=B": "x"}}"#,
            "$.workers[0].options.env.vars[\"A=B\"]",
            "cannot be an environment variable",
        );
        options(
            kind,
            r#""env": {"vars": {"A": §"${NOT_SET}"}}"#,
            "$.workers[0].options.env.vars.A",
            "`NOT_SET` is not set",
        );
        options(
            kind,
            r#""expose_controller": §"yes""#,
            "$.workers[0].options.expose_controller",
            "expected true or false",
        );
    }
    options("\"container\"", r#"§"inline": true"#, "$.workers[0].options.inline", "unknown key `inline`");
    options(
        "\"container\"",
        r#""reactor": §{"bsd": "kqueue"}"#,
        "$.workers[0].options.reactor",
        "there is no Twisted",
    );
    json(
        "{\"version\": 2, \"workers\": [{\"type\": \"router\", \"options\": {\"disabled\": §\"not a name\"}}]}",
        "$.workers[0].options.disabled",
        "name of an environment variable",
    );
    json(
        "{\"version\": 2, \"workers\": [{\"type\": \"router\"}, {\"type\": \"router\", \"options\": {\"inline\": §true}}]}",
        "$.workers[1].options.inline",
        "only a router that is the node's only one",
    );
}

#[test]
fn components() {
    component(r#"{"type": §"clas"}"#, "$.workers[0].components[0].type", "nearest class");
    component(
        &format!(r#"§{{"type": "class", {CONTAINER}}}"#),
        "$.workers[0].components[0]",
        "has no `classname`",
    );
    component(
        r#"§{"type": "class", "classname": "a.B", "realm": "realm1"}"#,
        "$.workers[0].components[0]",
        "has no `transport`",
    );
    component(
        &format!(r#"{{"type": "class", "classname": §"Backend", {CONTAINER}}}"#),
        "$.workers[0].components[0].classname",
        "`Backend` is not a name in a Python module; expected `module.name`",
    );
    component(
        &format!(r#"{{"type": "class", "classname": "a.B", §"role": "x", {CONTAINER}}}"#),
        "$.workers[0].components[0].role",
        "`role` does not belong",
    );
    component(
        &format!(r#"{{"type": "function", "callbacks": {{§"joined": "a.b"}}, {CONTAINER}}}"#),
        "$.workers[0].components[0].callbacks.joined",
        "unknown key `joined`",
    );
    component(
        &format!(
            r#"{{"id": "abc", "type": "class", "classname": "a.B", {CONTAINER}}}, {{"id": §"abc", "type": "class", "classname": "a.B", {CONTAINER}}}"#
        ),
        "$.workers[0].components[1].id",
        "component id `abc` is already used",
    );
    let router = |component: &str, path, fragment| {
        off(
            &format!(
                r#""type": "router", "realms": [{{"name": "realm1", "roles": [{{"name": "backend", "allow-by-default": true}}]}}], "components": [{component}]"#
            ),
            path,
            fragment,
        );
    };
    router(
        r#"{"type": "class", "classname": "a.B", "realm": §"realm2", "role": "backend"}"#,
        "$.workers[0].components[0].realm",
        "has no realm `realm2`",
    );
    router(
        r#"{"type": "class", "classname": "a.B", "realm": "realm1", "role": §"backed"}"#,
        "$.workers[0].components[0].role",
        "nearest backend",
    );
    router(
        r#"{"type": "class", "classname": "a.B", "realm": "realm1", "role": "backend", "references": [§"db"]}"#,
        "$.workers[0].components[0].references[0]",
        "`db` is not a reference; expected `connection:ID`",
    );
}

#[test]
fn connecting_transports() {
    const AT: &str = "$.workers[0].components[0].transport";
    fn leak(rest: &str) -> &'static str {
        format!("{AT}{rest}").leak()
    }
    transport(r#"{"type": §"web"}"#, leak(".type"), "unknown type `web`");
    transport(
        r#"§{"type": "websocket", "endpoint": {"type": "tcp", "host": "h", "port": 1}}"#,
        AT,
        "has no `url`",
    );
    transport(
        r#"{"type": "websocket", "url": §"http://h/", "endpoint": {"type": "tcp", "host": "h", "port": 1}}"#,
        leak(".url"),
        "is not such a URL; expected `ws://...` or `wss://...`",
    );
    transport(
        r#"§{"type": "rawsocket", "endpoint": {"type": "unix", "path": "s"}}"#,
        AT,
        "has no `serializer`",
    );
    transport(
        r#"{"type": "rawsocket", "serializer": §"cbr", "endpoint": {"type": "unix", "path": "s"}}"#,
        leak(".serializer"),
        "nearest cbor",
    );
    let endpoint = |inner: &str, rest: &str, fragment| {
        let text = format!(r#"{{"type": "rawsocket", "serializer": "cbor", "endpoint": {inner}}}"#);
        transport(&text, leak(&format!(".endpoint{rest}")), fragment);
    };
    endpoint(r#"§{"type": "tcp", "port": 1}"#, "", "has no `host`");
    endpoint(r#"{"type": "tcp", "host": "h", "port": §0}"#, ".port", "out of range: 0");
    endpoint(r#"{"type": "tcp", "host": "h", "port": §"$NO_PORT"}"#, ".port", "holds no port");
    endpoint(
        r#"{"type": "tcp", "host": "h", "port": 1, "timeout": §601}"#,
        ".timeout",
        "from 0 to 600 seconds",
    );
    endpoint(
        r#"{"type": "tcp", "host": "h", "port": 1, §"backlog": 5}"#,
        ".backlog",
        "unknown key `backlog`",
    );
    endpoint(
        r#"{"type": §"twisted", "client_string": "tcp:h"}"#,
        ".type",
        "endpoint type `twisted` is refused",
    );
    endpoint(
        r#"{"type": §"tor", "host": "h", "port": 1, "tor_socks_port": 2}"#,
        ".type",
        "Tor is not spoken",
    );
    endpoint(r#"{"type": "tcp", "host": "h", "port": 1, "tls": §{}}"#, ".tls", "has no `hostname`");
    endpoint(
        r#"{"type": "tcp", "host": "h", "port": 1, "tls": §{"hostname": "h", "certificate": "c"}}"#,
        ".tls",
        "has no `key`",
    );
}

#[test]
fn guests() {
    off(r#""type": "guest", "executable": §1"#, "$.workers[0].executable", "expected a string");
    json(
        "{\"version\": 2, \"workers\": [§{\"type\": \"guest\", \"options\": {\"disabled\": true}}]}",
        "$.workers[0]",
        "has no `executable`",
    );
    off(
        r#""type": "guest", "executable": "date", "arguments": §"-u""#,
        "$.workers[0].arguments",
        "expected a list of arguments",
    );
    off(
        r#""type": "guest", "executable": "date", "arguments": [§1]"#,
        "$.workers[0].arguments[0]",
        "expected a string",
    );
    let option = |inner: &str, path, fragment| {
        options("\"guest\", \"executable\": \"date\"", inner, path, fragment);
    };
    option(r#""stdout": §"file""#, "$.workers[0].options.stdout", "expected one of `log`, `close`, `drop`");
    option(r#""stdin": §"open""#, "$.workers[0].options.stdin", "unknown stdin `open`");
    option(
        r#""stdin": §"open""#,
        "$.workers[0].options.stdin",
        "expected `close`, or an object such as {\"type\": \"json\", \"value\": 1}; without it",
    );
    option(r#""stdin": §5"#, "$.workers[0].options.stdin", "is the number 5; expected `close`, or an object");
    option(r#""stdin": §{"type": "json"}"#, "$.workers[0].options.stdin", "has no `value`");
    option(
        r#""stdin": {"type": §"yaml", "value": 1}"#,
        "$.workers[0].options.stdin.type",
        "unknown type `yaml`",
    );
    option(r#""watch": §{}"#, "$.workers[0].options.watch", "has no `directories`");
    option(
        r#""watch": {"directories": §[]}"#,
        "$.workers[0].options.watch.directories",
        "nothing is watched",
    );
    option(
        r#""watch": {"directories": ["a"], "action": §"stop"}"#,
        "$.workers[0].options.watch.action",
        "unknown action `stop`",
    );
    option(
        r#""watch": {"directories": ["a"], "timeout": §0}"#,
        "$.workers[0].options.watch.timeout",
        "from 1 to 3600 seconds",
    );
}

#[test]
fn proxies() {
    const CONNECTION: &str = r#""connections": {"conn1": {"transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": "s"}}}}"#;
    proxy(
        &format!(r#"{CONNECTION}, "routes": {{"realm1": {{"anonymous": §"conn2"}}}}"#),
        "$.workers[0].routes.realm1.anonymous",
        "this proxy has no connection `conn2`; expected a name in `connections`; nearest conn1",
    );
    proxy(
        &format!(r#"{CONNECTION}, "routes": {{"realm1": {{"anonymous": ["conn1", §1]}}}}"#),
        "$.workers[0].routes.realm1.anonymous[1]",
        "expected a string",
    );
    proxy(r#""connections": {"conn1": §{}}"#, "$.workers[0].connections.conn1", "has no `transport`");
    proxy(
        r#""connections": {"conn1": {"transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "tcp", "host": "h", "port": 1}}, "auth": {§"anonymous-proxy": {}}}}"#,
        "$.workers[0].connections.conn1.auth[\"anonymous-proxy\"]",
        "for Unix sockets only",
    );
    proxy(
        r#""connections": {"conn1": {"transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": "s"}}, "auth": §{}}}"#,
        "$.workers[0].connections.conn1.auth",
        "names no method",
    );
    proxy(r#"§"conections": {}"#, "$.workers[0].conections", "warning: unknown key `conections`");
    proxy(
        &format!(
            r#"{CONNECTION}, "routes": {{"realm1": {{"user": "conn1"}}}}, "transports": [{{"type": "websocket", "endpoint": {{"type": "tcp", "port": 1}}, "auth": {{"anonymous": {{"type": "static", "role": §"usr"}}}}}}]"#
        ),
        "$.workers[0].transports[0].auth.anonymous.role",
        "warning: no realm of this worker has role `usr`; expected the name of a role of the realm; nearest user",
    );
    let asking = |auth: &str| {
        format!(
            r#"{CONNECTION}, "routes": {{"realm1": {{"user": "conn1"}}}}, "transports": [{{"type": "websocket", "endpoint": {{"type": "tcp", "port": 1}}, "auth": {{"wampcra": {auth}}}}}]"#
        )
    };
    proxy(
        &asking(r#"§{"type": "dynamic", "authenticator": "com.auth", "authenticator-realm": "realm1"}"#),
        "$.workers[0].transports[0].auth.wampcra",
        "a procedure that a proxy calls needs an `authenticator-role`",
    );
    proxy(
        &asking(
            r#"{"type": "dynamic", "authenticator": "com.auth", "authenticator-realm": "realm1", "authenticator-role": §"trusted"}"#,
        ),
        "$.workers[0].transports[0].auth.wampcra[\"authenticator-role\"]",
        "a proxy cannot call a procedure as `trusted`",
    );
}

#[test]
fn host_monitors_testees_and_markets() {
    options(
        "\"hostmonitor\"",
        r#""interval": §1"#,
        "$.workers[0].options.interval",
        "from 100 to 86400000 milliseconds",
    );
    options(
        "\"hostmonitor\"",
        r#""monitors": {§"cpus": {}}"#,
        "$.workers[0].options.monitors.cpus",
        "nearest cpu",
    );
    json(
        "{\"version\": 2, \"workers\": [§{\"type\": \"websocket-testee\", \"options\": {\"disabled\": true}}]}",
        "$.workers[0]",
        "has no `transport`",
    );
    off(
        r#""type": "websocket-testee", "transport": {"type": §"rawsocket", "endpoint": {"type": "tcp", "port": 1}}"#,
        "$.workers[0].transport.type",
        "a WebSocket testee has a WebSocket transport",
    );
    off(
        r#""type": §"xbrmm""#,
        "$.workers[0].type",
        "worker type `xbrmm` is refused: it is of the data markets on a blockchain",
    );
}
