//! `auth` and `cookie`.

use super::{TCP, router, transport, websocket};

#[test]
fn authentication() {
    websocket(r#""auth": §{}"#, "$.workers[0].transports[0].auth", "`auth` names no method");
    websocket(r#""auth": §null"#, "$.workers[0].transports[0].auth", "`auth` is null");
    websocket(
        r#""auth": {§"anonymus": {"type": "static"}}"#,
        "$.workers[0].transports[0].auth.anonymus",
        "nearest anonymous",
    );
    websocket(
        r#""auth": {"otp": {"type": "function", "create": "otp", §"digits": 6}}"#,
        "$.workers[0].transports[0].auth.otp.digits",
        "unknown key `digits` in an authentication method of the program",
    );
    websocket(
        r#""auth": {"otp": §{"type": "function"}}"#,
        "$.workers[0].transports[0].auth.otp",
        "has no `create`",
    );
    websocket(
        r#""auth": {"wamp-scram": §{"type": "function", "create": "otp"}}"#,
        "$.workers[0].transports[0].auth[\"wamp-scram\"]",
        "no authentication method can be called `wamp-scram`",
    );
    websocket(
        r#""auth": {§"otp": {"type": "static"}}"#,
        "$.workers[0].transports[0].auth.otp",
        "unknown key `otp` in `auth`; expected one of `anonymous`",
    );
    websocket(
        r#""auth": {"anonymous-proxy": {"type": §"dynamic"}}"#,
        "$.workers[0].transports[0].auth[\"anonymous-proxy\"].type",
        "unknown type `dynamic`",
    );
    websocket(
        r#""auth": {"cryptosign-proxy": §{"type": "static"}, "anonymous": {"type": "static"}}"#,
        "$.workers[0].transports[0].auth[\"cryptosign-proxy\"]",
        "has no `principals`",
    );
    websocket(
        r#""auth": {"cryptosign-proxy": {"type": "static", "principals": {"node2": {"authorized_keys": §[]}}}}"#,
        "$.workers[0].transports[0].auth[\"cryptosign-proxy\"].principals.node2.authorized_keys",
        "this proxy has no key",
    );
    websocket(r#""auth": {"anonymous": §{}}"#, "$.workers[0].transports[0].auth.anonymous", "has no `type`");
    websocket(
        r#""auth": {"anonymous": {"type": §"dynamical", "authenticator": "com.example.auth"}}"#,
        "$.workers[0].transports[0].auth.anonymous.type",
        "nearest dynamic",
    );
    websocket(
        r#""auth": {"anonymous": {"type": "static", "role": §"anonymus"}}"#,
        "$.workers[0].transports[0].auth.anonymous.role",
        "warning: no realm of this worker has role `anonymus`",
    );
    websocket(
        r#""auth": {"anonymous": {"type": "static", "role": §"anonymus"}}"#,
        "$.workers[0].transports[0].auth.anonymous.role",
        "nearest anonymous",
    );
    websocket(
        r#""auth": {"anonymous": {"type": "static", "realm": §"realm2"}}"#,
        "$.workers[0].transports[0].auth.anonymous.realm",
        "nearest realm1",
    );
    websocket(
        r#""auth": {"anonymous": {"type": "static", "role": §"trusted"}}"#,
        "$.workers[0].transports[0].auth.anonymous.role",
        "would get role `trusted`",
    );
    websocket(
        r#""auth": {"anonymous": {"type": "static", §"authrole": "anonymous"}}"#,
        "$.workers[0].transports[0].auth.anonymous.authrole",
        "expected the key `role`",
    );
    router(
        r#""realms": [{"name": "realm1", "roles": [{"name": "guest", "allow-by-default": true}]}], "transports": [§{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1}}]"#,
        "$.workers[0].transports[0]",
        "warning: without `auth` clients get role `anonymous`",
    );
}

/// A transport that only this machine reaches.
fn private(inner: &str, path: &'static str, fragment: &'static str) {
    let endpoint = r#""endpoint": {"type": "tcp", "port": 8080, "interface": "127.0.0.1"}"#;
    transport(&format!(r#"{{"type": "websocket", {endpoint}, {inner}}}"#), path, fragment);
}

/// `inner` is `auth.METHOD`, static, whose only client has the authid `joe`.
fn client(method: &str, clients: &str, inner: &str, path: &'static str, fragment: &'static str) {
    private(
        &format!(r#""auth": {{"{method}": {{"type": "static", "{clients}": {{"joe": {inner}}}}}}}"#),
        path,
        fragment,
    );
}

#[test]
fn clients_of_a_method() {
    const JOE: &str = "$.workers[0].transports[0].auth.ticket.principals.joe";
    let ticket = |inner, path, fragment| client("ticket", "principals", inner, path, fragment);
    private(
        r#""auth": {"ticket": §{"type": "static"}}"#,
        "$.workers[0].transports[0].auth.ticket",
        "has no `principals`",
    );
    private(
        r#""auth": {"ticket": {"type": "static", "principals": §{}}}"#,
        "$.workers[0].transports[0].auth.ticket.principals",
        "warning: nobody can join",
    );
    ticket(r#"§{"ticket": "t"}"#, JOE, "a client has no `role`");
    ticket(r#"§{"role": "anonymous"}"#, JOE, "a client has no `ticket`");
    ticket(
        r#"{"ticket": "t", "role": §"anonimous"}"#,
        concat!("$.workers[0].transports[0].auth.ticket.principals.joe", ".role"),
        "nearest anonymous",
    );
    ticket(
        r#"{"ticket": "t", "role": §"trusted"}"#,
        "$.workers[0].transports[0].auth.ticket.principals.joe.role",
        "would get role `trusted`",
    );
    ticket(
        r#"{"ticket": §"${NOT_SET}", "role": "anonymous"}"#,
        "$.workers[0].transports[0].auth.ticket.principals.joe.ticket",
        "environment variable `NOT_SET` is not set",
    );
    ticket(
        r#"{"ticket": §5, "role": "anonymous"}"#,
        "$.workers[0].transports[0].auth.ticket.principals.joe.ticket",
        "`ticket` is a number; expected a string",
    );
    ticket(
        r#"{"ticket": "t", "role": "anonymous", §"secret": "s"}"#,
        "$.workers[0].transports[0].auth.ticket.principals.joe.secret",
        "unknown key `secret`",
    );
    client(
        "wampcra",
        "users",
        r#"{"secret": "s", "role": "anonymous", "salt": "x", "iterations": §0}"#,
        "$.workers[0].transports[0].auth.wampcra.users.joe.iterations",
        "out of range: 0",
    );
    client(
        "wampcra",
        "users",
        r#"§{"secret": "s", "role": "anonymous", "iterations": 1000}"#,
        "$.workers[0].transports[0].auth.wampcra.users.joe",
        "warning: `iterations` and `keylen` mean nothing without a `salt`",
    );
    client(
        "cryptosign",
        "principals",
        r#"{"role": "anonymous", "authorized_keys": §[]}"#,
        "$.workers[0].transports[0].auth.cryptosign.principals.joe.authorized_keys",
        "this client has no key",
    );
    client(
        "cryptosign",
        "principals",
        r#"{"role": "anonymous", "authorized_keys": [§"00ff"]}"#,
        "$.workers[0].transports[0].auth.cryptosign.principals.joe.authorized_keys[0]",
        "expected 64 hexadecimal digits",
    );
    let key = "0123456789abcdef".repeat(4);
    let (ann, joe) = (key.to_uppercase(), key);
    private(
        &format!(
            r#""auth": {{"cryptosign": {{"type": "static", "principals": {{
                "ann": {{"role": "anonymous", "authorized_keys": ["{ann}", "{ann}"]}},
                "joe": {{"role": "anonymous", "authorized_keys": §["{joe}"]}}}}}}}}"#
        ),
        "$.workers[0].transports[0].auth.cryptosign.principals.joe.authorized_keys",
        "warning: clients `ann` and `joe` have the same public key",
    );
    private(
        r#""auth": {"cryptosign": {"type": "static", §"trustroots": {}}}"#,
        "$.workers[0].transports[0].auth.cryptosign.trustroots",
        "`trustroots` are not built: certificates of Ethereum accounts",
    );
}

#[test]
fn cookies() {
    const COOKIE: &str = "$.workers[0].transports[0].cookie";
    const STORE: &str = "$.workers[0].transports[0].cookie.store";
    transport(
        &format!(r#"§{{"type": "websocket", {TCP}, "auth": {{"cookie": {{}}}}}}"#),
        "$.workers[0].transports[0]",
        "error: `auth.cookie` has no effect without cookies",
    );
    transport(
        &format!(r#"§{{"type": "rawsocket", {TCP}, "auth": {{"cookie": {{}}}}}}"#),
        "$.workers[0].transports[0]",
        "error: RawSocket has no cookies",
    );
    transport(
        &format!(
            r#"§{{"type": "websocket", {TCP}, "auth": {{"cookie": {{}}}}, "cookie": {{}},
                "options": {{"allowed_origins": ["*"]}}}}"#
        ),
        "$.workers[0].transports[0]",
        "warning: with `auth.cookie`, any page",
    );
    websocket(r#""cookie": §null"#, COOKIE, "`cookie` is null");
    websocket(
        r#""cookie": {"name": §"A b"}"#,
        concat!("$.workers[0].transports[0].cookie", ".name"),
        "cannot be the name",
    );
    websocket(r#""cookie": {"length": §8}"#, "$.workers[0].transports[0].cookie.length", "can be guessed");
    websocket(
        r#""cookie": {"same_site": §"strict"}"#,
        "$.workers[0].transports[0].cookie.same_site",
        "nearest Strict",
    );
    websocket(r#""cookie": {"store": §{}}"#, STORE, "has no `type`");
    websocket(r#""cookie": {"store": §{"type": "file"}}"#, STORE, "has no `filename`");
    websocket(
        r#""cookie": {"store": {"type": §"sqlite"}}"#,
        "$.workers[0].transports[0].cookie.store.type",
        "one of `memory`",
    );
}

#[test]
fn hashes_of_passwords() {
    let key = "0".repeat(64);
    let scram = |changed: &str, path, fragment| {
        let inner = format!(r#"{{"role": "anonymous", "server-key": "{key}", {changed}}}"#);
        client("scram", "principals", &inner, path, fragment);
    };
    const KDF: &str = "$.workers[0].transports[0].auth.scram.principals.joe.kdf";
    const SALT: &str = "$.workers[0].transports[0].auth.scram.principals.joe.salt";
    const STORED: &str = "$.workers[0].transports[0].auth.scram.principals.joe[\"stored-key\"]";
    let cost = r#""iterations": 4096, "memory": 512"#;
    let (stored, salt) =
        (format!(r#""stored-key": "{key}""#), r#""salt": "00112233445566778899aabbccddeeff""#);
    scram(&format!(r#""kdf": §"argon2id", {cost}, {stored}, {salt}"#), KDF, "nearest argon2id");
    scram(&format!(r#""kdf": "pbkdf2", {cost}, {stored}, "salt": §"xyz""#), SALT, "hexadecimal digits");
    scram(&format!(r#""kdf": "argon2id13", {cost}, {stored}, "salt": §"0011""#), SALT, "8 to 256 bytes");
    scram(
        &format!(r#""kdf": "argon2id13", {cost}, {salt}, "stored-key": §"00""#),
        STORED,
        "expected 64 hexadecimal digits",
    );
}

#[test]
fn who_is_asked_at_run_time() {
    let asked = |inner: &str, path, fragment| {
        private(&format!(r#""auth": {{"ticket": {inner}}}"#), path, fragment);
    };
    const TICKET: &str = "$.workers[0].transports[0].auth.ticket";
    asked(r#"§{"type": "dynamic"}"#, TICKET, "has no `authenticator`");
    asked(r#"§{"type": "function"}"#, TICKET, "has no `create`");
    asked(
        r#"{"type": "dynamic", "authenticator": §"com..auth"}"#,
        "$.workers[0].transports[0].auth.ticket.authenticator",
        "is not the URI of a procedure",
    );
    asked(
        r#"{"type": "dynamic", "authenticator": "com.auth", "authenticator-realm": §"realm2"}"#,
        "$.workers[0].transports[0].auth.ticket[\"authenticator-realm\"]",
        "nearest realm1",
    );
    asked(
        r#"{"type": "dynamic", "authenticator": "com.auth", "authenticator-role": §"anonimous"}"#,
        "$.workers[0].transports[0].auth.ticket[\"authenticator-role\"]",
        "nearest anonymous",
    );
    asked(
        r#"{"type": "dynamic", "authenticator": "com.auth", "pass-errors": §"yes"}"#,
        "$.workers[0].transports[0].auth.ticket[\"pass-errors\"]",
        "expected true or false",
    );
}

#[test]
fn a_transport_that_does_not_suit_its_methods() {
    let on = |endpoint: &str, auth: &str, path, fragment| {
        transport(
            &format!(r#"{{"type": "rawsocket", "endpoint": {endpoint}, "auth": {{{auth}}}}}"#),
            path,
            fragment,
        );
    };
    on(
        r#"{"type": "tcp", "port": 1}"#,
        r#"§"ticket": {"type": "dynamic", "authenticator": "com.auth"}"#,
        "$.workers[0].transports[0].auth.ticket",
        "warning: tickets are sent as they are",
    );
    on(
        r#"{"type": "tcp", "port": 1, "tls": {"key": "k", "certificate": "c"}}"#,
        r#"§"tls": {"type": "dynamic", "authenticator": "com.auth"}"#,
        "$.workers[0].transports[0].auth.tls",
        "warning: no client can use `tls`",
    );
}

/// `role` is what stands in role `user` beside its name; `auth` that of the only transport, on loopback.
fn role_and_auth(role: &str, auth: &str, path: &'static str, fragment: &'static str) {
    let endpoint = r#"{"type": "tcp", "port": 1, "interface": "127.0.0.1"}"#;
    router(
        &format!(
            r#""realms": [{{"name": "realm1", "roles": [{{"name": "user", "allow-by-default": true, {role}}}]}}],
            "transports": [{{"type": "rawsocket", "endpoint": {endpoint}, "auth": {{{auth}}}}}]"#
        ),
        path,
        fragment,
    );
}

#[test]
fn methods_of_a_role() {
    const METHODS: &str = "$.workers[0].realms[0].roles[0].authmethods";
    const TICKET: &str = r#""ticket": {"type": "dynamic", "authenticator": "com.auth"}"#;
    let first = concat!("$.workers[0].realms[0].roles[0].authmethods", "[0]");
    let role = |role, path, fragment| role_and_auth(role, TICKET, path, fragment);
    role(r#""authmethods": §"ticket""#, METHODS, "expected a list of authentication methods");
    role(r#""authmethods": §[]"#, METHODS, "error: `authmethods` is empty, so that nobody gets this role");
    role(r#""authmethods": [§"tickets"]"#, first, "nearest ticket");
    role(r#""authmethods": [§7]"#, first, "expected");
    role(r#""authmethods": [§"otp"]"#, first, "error: unknown authmethod `otp`; expected one of `anonymous`");
    role(r#""authmethods": [§"cookie"]"#, first, "error: a cookie counts as the method by which it was got");
    role(r#""authmethods": [§"scram"]"#, first, "warning: no transport of this worker has `scram`");
    role(
        r#""authmethods": ["ticket", §"ticket"]"#,
        "$.workers[0].realms[0].roles[0].authmethods[1]",
        "warning: this method is in the list already",
    );
}

#[test]
fn clients_whose_role_is_not_given_by_their_method() {
    const SCRAM: &str = r#""authmethods": ["scram"]"#;
    let scram = r#""scram": {"type": "dynamic", "authenticator": "com.auth"}"#;
    for (auth, path) in [
        (
            r#""ticket": {"type": "static", "principals": {"joe": {"ticket": "t", "role": §"user"}}}"#,
            "$.workers[0].transports[0].auth.ticket.principals.joe.role",
        ),
        (
            r#""anonymous": {"type": "static", "role": §"user"}"#,
            "$.workers[0].transports[0].auth.anonymous.role",
        ),
        (
            r#""wampcra": {"type": "dynamic", "authenticator": "com.auth", "default-role": §"user"}"#,
            "$.workers[0].transports[0].auth.wampcra[\"default-role\"]",
        ),
    ] {
        role_and_auth(SCRAM, &format!("{scram}, {auth}"), path, "warning: role `user` is not given by");
    }
    router(
        r#""realms": [{"name": "realm1", "roles": [
            {"name": "anonymous", "allow-by-default": true, "authmethods": ["tls"]}]}],
        "transports": [§{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1}}, {"type": "rawsocket",
            "endpoint": {"type": "tcp", "port": 2, "tls": {"key": "k", "certificate": "c", "ca_certificates": ["a"]}},
            "auth": {"tls": {"type": "dynamic", "authenticator": "com.auth"}}}]"#,
        "$.workers[0].transports[0]",
        "warning: role `anonymous` is not given by `anonymous`",
    );
}
