//! Configurations as they are written for Crossbar.io, and what they mean here.

use std::path::PathBuf;

use crossweave_config::{
    Allow, AllowedOrigins, Anonymous, AuthMethod, CallQueue, Checked, ConnectionOptions, Controller,
    Delivery, DeliveryKey, DeliveryPolicy, Disclose, Endpoint, Environment, EventHistory, Format, IpVersion,
    Limits, Matching, Method, Node, OnSlow, Permission, Ports, Protocol, RealmOptions, ResumptionOptions,
    RouterWorker, Serializer, ShutdownTrigger, Store, StoreKind, TcpEndpoint, Transport, UriCheck,
    WebService, WebSocketOptions, default_node, init_template, parse,
};

fn lookup(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("9000".to_owned()),
        "RUNTIME" => Some("/run/wamp".to_owned()),
        "OFF" => Some("1".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn checked(text: &str, format: Format) -> Checked {
    parse(text, format, "config", Environment::new(&lookup)).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The node of a configuration that has neither errors nor warnings.
fn node(text: &str, format: Format) -> Node {
    let checked = checked(text, format);
    assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    checked.node
}

fn router(node: &Node) -> &RouterWorker {
    node.workers[0].as_router().expect("a router")
}

fn transport(node: &Node) -> &Transport {
    &router(node).transports[0]
}

#[test]
fn the_starter_is_what_a_node_runs_without_a_configuration() {
    assert_eq!(node(init_template(), Format::Json), default_node());
    let node = default_node();
    let (router, transport) = (router(&node), transport(&node));
    assert_eq!(router.realms[0].name, "realm1");
    let Endpoint::Tcp(tcp) = &transport.endpoint else { panic!("no TCP endpoint") };
    assert_eq!(tcp.ports, Ports::One(8080));
    assert!(transport.endpoint.is_loopback());
    let Protocol::Universal(universal) = &transport.protocol else { panic!("not universal") };
    assert!(universal.rawsocket.is_some());
    assert_eq!(universal.websocket[0].path, "/ws");
    let everything = Permission {
        uri: String::new(),
        matching: Matching::Prefix,
        allow: Allow { call: true, register: true, publish: true, subscribe: true },
        disclose: Disclose::default(),
        cache: false,
        trustlevel: None,
        validate: None,
        path: "$.workers[0].realms[0].roles[0].permissions[0]".to_owned(),
    };
    assert_eq!(router.realms[0].roles[0].permissions, [everything]);
}

#[test]
fn an_empty_node_is_a_node() {
    assert_eq!(node(r#"{"version": 2, "controller": {}, "workers": []}"#, Format::Json), Node::default());
}

#[test]
fn a_websocket_transport() {
    let node = node(include_str!("configs/websocket.json"), Format::Json);
    assert_eq!(node.controller.id.as_deref(), Some("node1"));
    assert_eq!(node.controller.options.shutdown, [ShutdownTrigger::LastWorkerExit]);
    assert_eq!(node.controller.options.limits, Limits { max_pending_per_address: 8, ..Limits::default() });
    let router = router(&node);
    assert_eq!((router.id.as_str(), router.realms[0].id.as_str()), ("worker001", "realm001"));
    assert_eq!(router.realms[0].roles[0].id, "role001");
    assert_eq!(router.realms[0].options.uri_check, UriCheck::Strict);
    let transport = transport(&node);
    assert_eq!(transport.id, "transport002", "the first automatic id is taken by a transport further down");
    assert_eq!(
        transport.connection,
        ConnectionOptions {
            max_queue_bytes: 1_048_576,
            on_slow: OnSlow::Disconnect,
            handshake_timeout: 3_000,
            resumption: Some(ResumptionOptions { window: 60, max_sessions: 50, ..Default::default() }),
        }
    );
    let Protocol::WebSocket(websocket) = &transport.protocol else { panic!("not WebSocket") };
    assert_eq!(websocket.serializers, [Serializer::Cbor, Serializer::Json]);
    let origins = vec!["https://*.example.com".to_owned()];
    assert_eq!(websocket.options.allowed_origins, AllowedOrigins::Listed(origins));
    assert!(!websocket.options.allow_null_origin, "a list of origins shuts pages without one out");
    assert_eq!(websocket.options.auto_ping_interval, 30_000);
    assert_eq!(websocket.options.external_port, None);
    assert_eq!(websocket.options.deflate.as_ref().and_then(|deflate| deflate.max_window_bits), Some(12));
    let anonymous =
        Anonymous { realm: Some("com.example".to_owned()), role: "guest".to_owned(), authid: None };
    assert_eq!(websocket.auth.anonymous, Some(Method::Static(anonymous)));
}

#[test]
fn the_same_configuration_in_yaml() {
    assert_eq!(
        node(include_str!("configs/websocket.yaml"), Format::Yaml),
        node(include_str!("configs/websocket.json"), Format::Json)
    );
}

#[test]
fn a_universal_transport() {
    let checked = checked(include_str!("configs/universal.json"), Format::Json);
    let warnings: Vec<_> = checked.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warnings, ["$.workers[0].realms[0].roles[0].comment"]);
    let transport = transport(&checked.node);
    let Endpoint::Tcp(tcp) = &transport.endpoint else { panic!("no TCP endpoint") };
    assert_eq!(tcp.ports, Ports::One(9000), "from the environment");
    assert_eq!(tcp.interface, None, "all interfaces");
    let Protocol::Universal(universal) = &transport.protocol else { panic!("not universal") };
    let paths: Vec<_> = universal.websocket.iter().map(|service| service.path.as_str()).collect();
    assert_eq!(paths, ["/ws", "/"]);
    assert_eq!(universal.websocket[0].websocket.options.allowed_origins, AllowedOrigins::SameOrigin);
    assert_eq!(
        universal.rawsocket.as_ref().map(|rawsocket| rawsocket.options.max_message_size),
        Some(1_048_576)
    );
    let services = &universal.web.as_ref().expect("it has a web part").paths;
    let paths: Vec<_> = services.iter().map(|service| service.path.as_str()).collect();
    assert_eq!(paths, ["/api/v1/ws", "/api/v1", "/api"]);
    let WebService::WebSocket(websocket) = &services[0].service else { panic!("not WebSocket") };
    assert_eq!(websocket.serializers, Serializer::ALL);
}

#[test]
fn rawsocket_on_a_unix_socket() {
    let text = r#"{"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [
            {"type": "rawsocket", "endpoint": {"type": "unix", "path": "${RUNTIME}/a.sock", "mode": "0660"}},
            {"type": "rawsocket", "endpoint": {"type": "unix", "path": "sock", "backlog": 5}}
        ]}]}"#;
    let node = node(text, Format::Json);
    assert!(router(&node).realms[0].roles[0].allow_by_default);
    let endpoints: Vec<_> = router(&node)
        .transports
        .iter()
        .map(|transport| match &transport.endpoint {
            Endpoint::Unix(unix) => (unix.path.clone(), unix.backlog, unix.mode),
            Endpoint::Tcp(_) => panic!("not a Unix socket"),
        })
        .collect();
    assert_eq!(
        endpoints,
        [(PathBuf::from("/run/wamp/a.sock"), 1024, Some(0o660)), (PathBuf::from("sock"), 5, None)]
    );
}

#[test]
fn tls_on_ipv6_shared_by_processes() {
    let text = r#"{"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{"type": "web", "paths": {"ws": {"type": "websocket"}}, "endpoint": {
            "type": "tcp", "portrange": [8443, 8453], "version": 6, "interface": "::", "shared": true,
            "user_timeout": 5000, "tls": {"key": "server.key", "certificate": "server.crt",
                "chain_certificates": ["chain.crt"], "ca_certificates": ["ca.crt"],
                "certificates": [{"key": "b.key", "certificate": "b.crt", "chain_certificates": ["b2.crt"]}]}}}]}]}"#;
    let node = node(text, Format::Json);
    let Endpoint::Tcp(tcp) = &transport(&node).endpoint else { panic!("no TCP endpoint") };
    let tls = tcp.tls.clone().expect("it has TLS");
    assert_eq!(tls.key, PathBuf::from("server.key"));
    assert_eq!(tls.chain_certificates, [PathBuf::from("chain.crt")]);
    assert_eq!(tls.ca_certificates, [PathBuf::from("ca.crt")]);
    let more = &tls.certificates[0];
    assert_eq!((more.key.to_str(), more.certificate.to_str()), (Some("b.key"), Some("b.crt")));
    assert_eq!(more.chain_certificates, [PathBuf::from("b2.crt")]);
    let expected = TcpEndpoint {
        ports: Ports::Range(8443, 8453),
        version: IpVersion::V6,
        interface: Some("::".parse().expect("an address")),
        backlog: 1024,
        shared: true,
        user_timeout: 5000,
        tls: Some(tls),
    };
    assert_eq!(*tcp, expected);
}

#[test]
fn starred_uris_say_how_they_match() {
    for (written, uri, matching) in [
        ("*", "", Matching::Prefix),
        ("com.example.*", "com.example.", Matching::Prefix),
        ("com.exa*", "com.exa", Matching::Prefix),
        ("com.example.hello", "com.example.hello", Matching::Exact),
        ("com.*.create", "com..create", Matching::Wildcard),
        ("com.*.x.*", "com..x.", Matching::Wildcard),
        ("*.create", ".create", Matching::Wildcard),
    ] {
        let text = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1", "roles": [
                {{"name": "r", "permissions": [{{"uri": "{written}", "allow": {{"call": true}}}}]}}]}}]}}]}}"#
        );
        let node = node(&text, Format::Json);
        let permission = &router(&node).realms[0].roles[0].permissions[0];
        assert_eq!((permission.uri.as_str(), permission.matching), (uri, matching), "{written}");
        assert_eq!(permission.allow, Allow { call: true, ..Allow::default() });
    }
}

#[test]
fn of_two_permissions_for_the_same_uris_the_later_one_counts() {
    let text = r#"{"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
        {"name": "r", "permissions": [{"uri": "a.*", "allow": {"call": true}}, {"uri": "a.*"}]}]}]}]}"#;
    let checked = checked(text, Format::Json);
    let permissions = &router(&checked.node).realms[0].roles[0].permissions;
    assert_eq!((permissions.len(), permissions[0].allow.call), (1, false));
}

#[test]
fn workers_are_disabled_by_the_environment() {
    for (written, expected) in [
        ("true", true),
        ("false", false),
        ("\"${OFF}\"", true),
        ("\"$OFF\"", true),
        ("\"${EMPTY}\"", false),
        ("\"${NOT_SET}\"", false),
    ] {
        let text = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "options": {{"disabled": {written}}}}}]}}"#
        );
        assert_eq!(router(&node(&text, Format::Json)).options.disabled.is_some(), expected, "{written}");
    }
}

#[test]
fn web_pages_reach_a_loopback_router_from_this_machine_and_another_only_from_itself() {
    let origins = |endpoint: &str, options: &str| {
        let text = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "transports": [
                {{"type": "websocket", "endpoint": {endpoint}, "options": {options}}}]}}]}}"#
        );
        let node = node(&text, Format::Json);
        let Protocol::WebSocket(websocket) = transport(&node).protocol.clone() else {
            panic!("not WebSocket")
        };
        (websocket.options.allowed_origins, websocket.options.allow_null_origin)
    };
    let local = r#"{"type": "tcp", "port": 1, "interface": "localhost"}"#;
    let remote = r#"{"type": "tcp", "port": 1}"#;
    assert_eq!(origins(local, "{}"), (AllowedOrigins::Local, false));
    assert_eq!(origins(r#"{"type": "unix", "path": "s"}"#, "{}"), (AllowedOrigins::SameOrigin, false));
    assert_eq!(origins(remote, "{}"), (AllowedOrigins::SameOrigin, false));
    assert_eq!(origins(remote, r#"{"allowed_origins": ["*"]}"#), (AllowedOrigins::Any, true));
    assert_eq!(origins(remote, r#"{"allow_null_origin": true}"#), (AllowedOrigins::SameOrigin, true));
}

#[test]
fn endpoints_that_do_not_meet_may_have_the_same_port() {
    let endpoints = [
        (r#""port": 1, "interface": "127.0.0.1""#, r#""port": 1, "interface": "127.0.0.2""#),
        (r#""port": 1, "version": 6"#, r#""port": 1"#),
        (r#""port": 1, "shared": true"#, r#""port": 1, "shared": true"#),
        (r#""port": 0"#, r#""port": 0"#),
    ];
    for (one, two) in endpoints {
        let text = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "transports": [
                {{"type": "rawsocket", "endpoint": {{"type": "tcp", {one}}}}},
                {{"type": "rawsocket", "endpoint": {{"type": "tcp", {two}}}}}]}}]}}"#
        );
        assert_eq!(router(&node(&text, Format::Json)).transports.len(), 2);
    }
}

#[test]
fn yaml_anchors_and_merge_keys() {
    let text = "
version: 2
workers:
  - type: router
    realms:
      - &realm
        name: realm1
        roles: [{name: anonymous, allow-by-default: true}]
      - <<: *realm
        name: realm2
";
    let node = node(text, Format::Yaml);
    let realms = &router(&node).realms;
    assert_eq!((realms[0].name.as_str(), realms[1].name.as_str()), ("realm1", "realm2"));
    assert_eq!(realms[1].roles[0].name, "anonymous");
}

/// `enable_parallel_worker_start` as YAML has it.
fn is_parallel(written: &str) -> bool {
    let text = format!("version: 2\ncontroller:\n  options:\n    enable_parallel_worker_start: {written}\n");
    node(&text, Format::Yaml).controller.options.enable_parallel_worker_start
}

#[test]
fn plain_yes_and_no_are_booleans_in_yaml_where_a_boolean_is_expected() {
    for yes in ["yes", "Yes", "YES", "on", "On", "ON", "true"] {
        assert!(is_parallel(yes), "{yes}");
    }
    for no in ["no", "No", "NO", "off", "Off", "OFF", "false"] {
        assert!(!is_parallel(no), "{no}");
    }
    let disabled = |written: &str| {
        let text = format!("version: 2\nworkers:\n- {{type: router, options: {{disabled: {written}}}}}\n");
        router(&node(&text, Format::Yaml)).options.disabled.is_some()
    };
    assert!(disabled("on") && !disabled("off"));
}

#[test]
fn yes_and_no_stay_booleans_behind_an_alias() {
    let text = "
version: 2
controller: {options: {enable_parallel_worker_start: &choice yes}}
workers:
- {type: router, options: {disabled: *choice}}
";
    assert!(router(&node(text, Format::Yaml)).options.disabled.is_some());
}

#[test]
fn yes_and_no_are_names_in_yaml_where_a_name_is_expected() {
    let text = "
version: 2
workers:
- type: router
  realms:
  - name: realm1
    roles: [{name: on, allow-by-default: yes}]
";
    let node = node(text, Format::Yaml);
    let role = &router(&node).realms[0].roles[0];
    assert_eq!((role.name.as_str(), role.allow_by_default), ("on", true));
}

#[test]
fn what_is_not_built_may_be_switched_off_with_no() {
    let text = "
version: 2
controller: {enable_docker: no}
workers:
- {type: router, realms: [{name: realm1, template: off}]}
";
    assert_eq!(router(&node(text, Format::Yaml)).realms[0].name, "realm1");
}

#[test]
fn a_section_with_nothing_behind_its_key_is_an_empty_one() {
    let text = "
version: 2
controller:
workers:
- type: router
  options:
  realms:
  - name: realm1
    options:
    roles:
    - name: anonymous
      permissions:
      - uri: com.example.*
        allow:
        disclose:
  transports:
  - type: websocket
    endpoint: {type: tcp, port: 1, interface: localhost}
    options:
      compression:
  - type: rawsocket
    endpoint: {type: tcp, port: 2}
    options:
";
    let node = node(text, Format::Yaml);
    assert_eq!(node.controller, Controller::default());
    let router = router(&node);
    assert_eq!(router.realms[0].options, RealmOptions::default());
    assert_eq!(router.realms[0].roles[0].permissions[0].allow, Allow::default());
    let Protocol::WebSocket(websocket) = &router.transports[0].protocol else { panic!("not WebSocket") };
    assert_eq!(websocket.options, WebSocketOptions::for_reach(true));
    assert_eq!(node, self::node(&text.replace("controller:\n", ""), Format::Yaml));
}

#[test]
fn clients_of_every_method() {
    let text = include_str!("configs/authentication.json");
    let lookup = |name: &str| (name == "JOE").then(|| "s3cret-of-joe".to_owned());
    let checked = parse(text, Format::Json, "config.json", crossweave_config::Environment::new(&lookup));
    let node = checked.unwrap_or_else(|problems| panic!("{problems}")).node;
    let worker = node.workers[0].as_router().expect("a router");
    let crossweave_config::Protocol::WebSocket(websocket) = &worker.transports[0].protocol else { panic!() };
    let auth = &websocket.auth;
    let Some(Method::Static(tickets)) = &auth.ticket else { panic!() };
    assert_eq!((tickets[0].authid.as_str(), tickets[0].ticket.reveal()), ("joe", "s3cret-of-joe"));
    let Some(Method::Static(users)) = &auth.wampcra else { panic!() };
    assert_eq!(users[0].salting.as_ref().map(|it| (it.iterations, it.keylen)), Some((1000, 32)));
    assert_eq!(users[1].salting, None);
    let Some(Method::Static(scram)) = &auth.scram else { panic!() };
    assert_eq!((scram[0].kdf, scram[0].memory, scram[0].salt.len()), ("argon2id-13", 512, 16));
    let Some(Method::Static(keys)) = &auth.cryptosign else { panic!() };
    assert_eq!((keys[0].authorized_keys.len(), keys[0].realm.as_deref()), (2, Some("realm1")));
    let Some(Method::Static(tls)) = &auth.tls else { panic!() };
    assert_eq!((tls[0].fingerprint.len(), tls[1].fingerprint.len()), (20, 32));
    let Some(Method::Dynamic(asked)) = &auth.anonymous else { panic!() };
    assert_eq!((asked.authenticator.as_str(), asked.role.as_deref()), ("com.example.auth", Some("trusted")));
    let shown = format!("{node:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("2481f3"), "{shown}");
}

#[test]
fn tickets_that_nobody_can_read_on_their_way_are_no_matter_for_a_warning() {
    let warnings = |transport: &str| {
        let text = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1", "roles": [
            {{"name": "anonymous", "allow-by-default": true}}]}}], "transports": [{{{transport}}}]}}]}}"#
        );
        checked(&text, Format::Json).warnings.iter().map(|it| it.path.clone()).collect::<Vec<_>>()
    };
    const AUTH: &str = r#""auth": {"ticket": {"type": "dynamic", "authenticator": "com.auth"}}"#;
    let tls = r#"{"type": "tcp", "port": 1, "tls": {"key": "k", "certificate": "c"}}"#;
    for private in [
        r#"{"type": "tcp", "port": 1, "interface": "127.0.0.1"}"#,
        r#"{"type": "tcp", "port": 1, "interface": "::1", "version": 6}"#,
        r#"{"type": "unix", "path": "s"}"#,
        tls,
    ] {
        let found = warnings(&format!(r#""type": "rawsocket", "endpoint": {private}, {AUTH}"#));
        assert!(found.is_empty(), "{private}: {found:?}");
    }
    let found = warnings(&format!(
        r#""type": "universal", "endpoint": {{"type": "tcp", "port": 1}}, "rawsocket": {{{AUTH}}},
        "websocket": {{"ws": {{"type": "websocket", {AUTH}}}}}"#
    ));
    let transport = "$.workers[0].transports[0]";
    assert_eq!(
        found,
        [format!("{transport}.rawsocket.auth.ticket"), format!("{transport}.websocket.ws.auth.ticket")]
    );
}

#[test]
fn a_role_may_ask_for_methods() {
    let text = r#"{"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
        {"name": "admin", "allow-by-default": true, "authmethods": ["cryptosign", "scram"]},
        {"name": "user", "allow-by-default": true}, {"name": "guest", "allow-by-default": true, "authmethods": null}]}],
        "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1}, "auth": {
            "scram": {"type": "dynamic", "authenticator": "com.auth", "default-role": "admin"},
            "cryptosign": {"type": "dynamic", "authenticator": "com.auth"}}}]}]}"#;
    let checked = checked(text, Format::Json);
    assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    let roles = &router(&checked.node).realms[0].roles;
    let methods: Vec<_> = roles.iter().map(|role| role.authmethods.as_deref()).collect();
    assert_eq!(methods, [Some(&[AuthMethod::Cryptosign, AuthMethod::Scram][..]), None, None]);
}

#[test]
fn a_transport_may_have_methods_of_the_program_and_a_role_may_ask_for_them() {
    let text = r#"{"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
        {"name": "admin", "allow-by-default": true, "authmethods": ["otp"]}]}],
        "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1}, "auth": {
            "otp": {"type": "function", "create": "one-time"}}}]}]}"#;
    let checked = checked(text, Format::Json);
    assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    let worker = router(&checked.node);
    let own = AuthMethod::Own("otp".to_owned());
    assert_eq!(worker.realms[0].roles[0].authmethods.as_deref(), Some(&[own][..]));
    let [auth] = worker.transports[0].auths()[..] else { panic!("one `auth`") };
    let [method] = &auth.own[..] else { panic!("one method: {auth:?}") };
    assert_eq!((method.name.as_str(), method.create.as_str()), ("otp", "one-time"));
}

#[test]
fn a_role_may_have_an_authorizer_and_roles_and_permissions_have_places() {
    let text = r#"{"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
  {"name": "asking", "authorizer": "com.example.authorize"},
  {"name": "user", "permissions": [{"uri": "com.example.a"},
    {"uri": "com.example.b"}, {"uri": "com.example.a", "allow": {"call": true}}]}]}]}]}"#;
    let checked = parse(text, Format::Json, "config.json", Environment::empty()).unwrap();
    let roles = &router(&checked.node).realms[0].roles;
    assert_eq!(roles[0].authorizer.as_deref(), Some("com.example.authorize"));
    let place = |path: &str| checked.places.get(path).map(|place| (place.line, place.column));
    assert_eq!(place(&roles[1].path), Some((3, 3)));
    // The later one of two for the same URIs has taken the place of the earlier one, with its own place in the file.
    assert_eq!(place(&roles[1].permissions[0].path), Some((4, 31)));
    assert_eq!(place(&roles[1].permissions[1].path), Some((4, 5)));
    assert_eq!(place(&format!("{}.authorizer", roles[0].path)), Some((2, 36)));
}

#[test]
fn a_store_as_crossbar_has_it_and_one_in_a_file() {
    let text = r#"
version: 2
controller: {options: {limits: {max_retained_age: 60, max_decisions: 0}}}
workers:
- type: router
  realms:
  - name: realm1
    roles: [{name: anonymous, allow-by-default: true}]
    store:
      type: memory
      limit: 500
      event-history:
      - {uri: com.example.news}
      - {uri: "", match: prefix, limit: 1000, bytes: 2048, age: 86400}
      call-queue:
      - {uri: com..get, match: wildcard, limit: 0}
      - {uri: com.example.add}
  - name: realm2
    store: {type: sqlite, path: events.db, event-history: [{uri: com.example., match: prefix}]}
  - name: realm3
"#;
    let node = node(text, Format::Yaml);
    let limits = Limits { max_retained_age: Some(60), max_decisions: 0, ..Limits::default() };
    assert_eq!(node.controller.options.limits, limits);
    let realms = &router(&node).realms;
    let event = |uri: &str, matching, limit, bytes, age| EventHistory {
        uri: uri.to_owned(),
        matching,
        limit,
        bytes,
        age,
    };
    let queue = |uri: &str, matching, limit| CallQueue { uri: uri.to_owned(), matching, limit };
    let expected = Store {
        kind: StoreKind::Memory,
        event_history: vec![
            event("com.example.news", Matching::Exact, 500, 16 << 20, None),
            event("", Matching::Prefix, 1_000, 2_048, Some(86_400)),
        ],
        call_queue: vec![
            queue("com..get", Matching::Wildcard, 0),
            queue("com.example.add", Matching::Exact, 500),
        ],
    };
    assert_eq!(realms[0].store, Some(expected));
    let expected = Store {
        kind: StoreKind::Sqlite { path: PathBuf::from("events.db") },
        event_history: vec![event("com.example.", Matching::Prefix, 100, 16 << 20, None)],
        call_queue: Vec::new(),
    };
    assert_eq!(realms[1].store, Some(expected));
    assert_eq!(realms[2].store, None);
}

#[test]
fn a_role_with_a_delivery_contract() {
    let role = |delivery: &str| {
        let text = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1", "roles": [
                {{"name": "a", "allow-by-default": true, "delivery": {delivery}}}]}}]}}]}}"#
        );
        router(&node(&text, Format::Json)).realms[0].roles[0].delivery.clone()
    };
    let contract = |on_slow, key, queue| Some(Delivery { on_slow, key, queue });
    assert_eq!(role("null"), None);
    assert_eq!(
        role(r#"{"on_slow": "drop_oldest"}"#),
        contract(DeliveryPolicy::DropOldest, DeliveryKey::Topic, 1_000)
    );
    assert_eq!(
        role(r#"{"on_slow": "conflate", "key": "id", "queue": 7}"#),
        contract(DeliveryPolicy::Conflate, DeliveryKey::Keyword("id".into()), 7)
    );
    assert_eq!(
        role(r#"{"on_slow": "conflate", "key": 3}"#),
        contract(DeliveryPolicy::Conflate, DeliveryKey::Argument(3), 1_000)
    );
}
