//! What workers other than routers, components, connections and web services mean when they are read.

use std::fs;
use std::path::PathBuf;

use crossweave_config::{
    Checked, Code, ConnectingEndpoint, ConnectingProtocol, ContainerRestart, ContainerShutdown, Disabled,
    Environment, Format, GuestOutput, GuestStdin, GuestWatch, Inherit, Keyring, PayloadKind, Protocol,
    ProxyAuth, Serializer, Severity, StaticSource, WebService, Worker, load, parse,
};
use serde_json::{Value, json};

fn lookup(name: &str) -> Option<String> {
    match name {
        "PROGRAM" => Some("/usr/bin/node".to_owned()),
        "HOST" => Some("router.example.com".to_owned()),
        "PORT" => Some("9000".to_owned()),
        "SECRET" => Some("s3cret".to_owned()),
        "NO_CE" => Some("1".to_owned()),
        _ => None,
    }
}

fn checked(config: &Value) -> Checked {
    parse(&config.to_string(), Format::Json, "config.json", Environment::new(&lookup))
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn worker(worker: &Value) -> Worker {
    checked(&json!({"version": 2, "workers": [worker]})).node.workers.remove(0)
}

fn services(paths: &Value) -> Vec<(String, WebService)> {
    let transport = json!({"type": "web", "endpoint": {"type": "tcp", "port": 1}, "paths": paths});
    let realm = json!({"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]});
    let worker = worker(&json!({"type": "router", "realms": [realm], "transports": [transport]}));
    let router = worker.as_router().expect("a router");
    let Protocol::Web(web) = &router.transports[0].protocol else { panic!("not web") };
    web.paths.iter().map(|path| (path.path.clone(), path.service.clone())).collect()
}

#[test]
fn a_container_with_defaults() {
    let Worker::Container(container) = worker(&json!({"type": "container"})) else { panic!("no container") };
    assert_eq!((container.id.as_str(), container.components.len()), ("worker001", 0));
    assert_eq!((container.shutdown, container.restart), (ContainerShutdown::Manual, ContainerRestart::Never));
    assert!(container.options.expose_controller && !container.options.expose_shared);
    assert_eq!((container.template, container.options.disabled), (None, None));
    assert_eq!(container.options.env.inherit, Inherit::All);
}

#[test]
fn a_container_with_everything() {
    let Worker::Container(container) = worker(&json!({
        "type": "container", "id": "ce1",
        "options": {
            "title": "ce", "python": "/opt/python", "pythonpath": ["..", "/abs"], "cpu_affinity": [0, 3],
            "env": {"inherit": ["HOST", "PORT"], "vars": {"A": "${SECRET}", "B": ""}}, "extra": {"a": [1]},
            "expose_controller": false, "expose_shared": true, "disabled": "NO_CE",
            "shutdown": "shutdown-on-last-component-stopped", "restart": "restart-on-failed"},
        "components": [
            {"type": "class", "classname": "a.b.C", "realm": "realm1", "extra": 1, "transport": {
                "type": "websocket", "url": "wss://h/ws", "serializers": ["cbor"], "endpoint": {
                    "type": "tcp", "host": "${HOST}", "port": "$PORT", "timeout": 5, "version": 6,
                    "tls": {"hostname": "h", "ca_certificates": ["ca.pem"]}}}},
            {"type": "function", "id": "two", "realm": "realm1", "callbacks": {"join": "a.join"}, "auth": {"ticket": {}},
                "transport": {"type": "rawsocket", "serializer": "msgpack", "endpoint": {"type": "unix", "path": "s"}}}]
    })) else {
        panic!("no container")
    };
    let options = &container.options;
    assert_eq!(options.disabled, Some(Disabled::Variable("NO_CE".to_owned())));
    assert_eq!(
        (options.title.as_deref(), options.python.clone()),
        (Some("ce"), Some(PathBuf::from("/opt/python")))
    );
    assert_eq!(options.pythonpath, [PathBuf::from(".."), PathBuf::from("/abs")]);
    assert_eq!((options.cpu_affinity.as_slice(), &options.extra), (&[0, 3][..], &Some(json!({"a": [1]}))));
    assert_eq!(options.env.inherit, Inherit::Only(vec!["HOST".to_owned(), "PORT".to_owned()]));
    let var = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(options.env.vars, [var("A", "s3cret"), var("B", "")]);
    assert_eq!(container.restart, ContainerRestart::OnFailed);

    let [class, function] = container.components.as_slice() else { panic!("two components") };
    assert_eq!(class.code, Code::Class { classname: "a.b.C".to_owned(), extra: Some(json!(1)) });
    let ConnectingEndpoint::Tcp(tcp) = &class.transport.endpoint else { panic!("not TCP") };
    assert_eq!((tcp.host.as_str(), tcp.port, tcp.timeout), ("router.example.com", 9000, 5));
    assert_eq!(tcp.tls.as_ref().map(|tls| tls.hostname.as_str()), Some("h"));
    let ConnectingProtocol::WebSocket { url, serializers, .. } = &class.transport.protocol else {
        panic!("no WebSocket")
    };
    assert_eq!((url.as_str(), serializers.as_slice()), ("wss://h/ws", &[Serializer::Cbor][..]));
    let Code::Function { callbacks, auth, .. } = &function.code else { panic!("no function") };
    assert_eq!((callbacks.join.as_deref(), auth), (Some("a.join"), &Some(json!({"ticket": {}}))));
    assert!(function.transport.is_local());
}

#[test]
fn a_guest() {
    let Worker::Guest(guest) = worker(&json!({
        "type": "guest", "executable": "${PROGRAM}", "arguments": ["", "${PROGRAM}"],
        "options": {"workdir": "w", "stdin": {"type": "json", "value": {"a": 1}}, "stdout": "drop", "stderr": "close",
            "watch": {"directories": ["a"], "timeout": 3}, "env": {"inherit": false}}
    })) else {
        panic!("no guest")
    };
    assert_eq!(guest.executable, "/usr/bin/node");
    assert_eq!(guest.arguments, ["", "${PROGRAM}"], "arguments are handed on as they are");
    let options = &guest.options;
    assert_eq!((options.stdout, options.stderr), (GuestOutput::Drop, GuestOutput::Close));
    assert_eq!(options.stdin, GuestStdin::Json { value: json!({"a": 1}), is_closed: true });
    assert_eq!(options.watch, Some(GuestWatch { directories: vec![PathBuf::from("a")], timeout: 3 }));
    assert_eq!(options.env.inherit, Inherit::None);
    let Worker::Guest(guest) = worker(&json!({"type": "guest", "executable": "date"})) else {
        panic!("no guest")
    };
    assert_eq!((guest.options.stdin, guest.options.stdout), (GuestStdin::Open, GuestOutput::Log));
}

#[test]
fn a_worker_that_is_started_with_realms() {
    let worker = worker(&json!({"type": "guest", "executable": "date", "template": "realm",
        "realm": "com\\.(?P<customer>[a-z]+)"}));
    let Worker::Guest(guest) = worker else { panic!("no guest") };
    let template = guest.template.expect("a template");
    assert_eq!(template.max_workers, 100);
    let realm = template.realm;
    assert_eq!(realm.captures("com.abc"), Some(vec![("customer".to_owned(), "abc".to_owned())]));
    assert_eq!(realm.captures("xcom.abc"), None);
}

#[test]
fn what_a_template_fills_in_is_looked_at_when_it_is_there() {
    let folder = std::env::temp_dir().join(format!("crossweave-config-workers-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let guest = json!({"type": "guest", "executable": "date", "template": "realm", "realm": "realm-(?P<user>.+)",
        "options": {"workdir": "of-{user}"}});
    let transport =
        json!({"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "unix", "path": "s"}});
    let component =
        json!({"type": "class", "classname": "{user}.Backend", "realm": "{realm}", "transport": transport});
    let container = json!({"type": "container", "template": "realm", "realm": "realm-(?P<user>.+)", "components": [component]});
    let realms = json!([{"name": "realm-.+", "template": true, "roles": [{"name": "anonymous", "allow-by-default": true}]}]);
    let node = |guest: &Value| {
        let document =
            json!({"version": 2, "workers": [{"type": "router", "realms": realms}, guest, container]});
        fs::write(folder.join("config.json"), document.to_string()).unwrap();
        load(&folder, None).map_err(|problems| problems.to_string())
    };
    let loaded = node(&guest).expect("it is good");
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    let mut wrong = guest;
    wrong["options"]["workdir"] = json!("of-{usr}");
    assert!(node(&wrong).unwrap_err().contains("there is no directory"));
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn workers_that_would_never_start_or_keep_their_realms_are_warned_of() {
    let warnings = |realm: &Value| {
        let container = json!({"type": "container", "template": "realm", "realm": "realm-.+"});
        let document = json!({"version": 2, "workers": [{"type": "router", "realms": [realm]}, container]});
        let checked = parse(&document.to_string(), Format::Json, "config.json", Environment::empty());
        checked.unwrap_or_else(|problems| panic!("{problems}")).warnings.to_string()
    };
    let roles = json!([{"name": "anonymous", "allow-by-default": true}]);
    let fixed = json!({"name": "realm1", "roles": roles});
    assert!(warnings(&fixed).contains("no realm is a template"), "{}", warnings(&fixed));
    let mut template =
        json!({"name": "realm-[a-z]+", "template": true, "roles": roles, "activation": {"idle_timeout": 5}});
    assert!(warnings(&template).contains("never idle"), "{}", warnings(&template));
    template["activation"]["background_authroles"] = json!(["backend"]);
    template["roles"] = json!([{"name": "backend", "allow-by-default": true}]);
    assert_eq!(warnings(&template), "");
}

#[test]
fn a_realm_template_is_called_by_many_names() {
    let realm = json!({"name": "user-(?P<user>[a-z]+)", "template": true, "roles": [
        {"name": "team-[a-z]+", "template": true, "permissions": [{"uri": "com.{user}.*", "allow": {"call": true}}]}]});
    let auth = json!({"anonymous": {"type": "static", "realm": "user-joe", "role": "team-red"}});
    let transport = json!({"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1, "interface": "127.0.0.1"}, "auth": auth});
    let worker = worker(&json!({"type": "router", "realms": [realm], "transports": [transport]}));
    let realm = &worker.as_router().expect("a router").realms[0];
    assert!(realm.is_called("user-joe") && !realm.is_called("user-7"));
    assert!(realm.roles[0].is_called("team-red") && !realm.roles[0].is_called("red"));
    assert_eq!(
        realm.template.as_ref().map(|template| template.groups.clone()),
        Some(vec!["user".to_owned()])
    );
}

#[test]
fn a_proxy() {
    let worker = worker(&json!({"type": "proxy",
        "connections": {"conn1": {"realm": "r", "auth": {"cryptosign-proxy": {"type": "static"}}, "transport": {
            "type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "tcp", "host": "h", "port": 1}}}},
        "routes": {"realm1": {"anonymous": "conn1", "user": ["conn1", "conn1"]}}}));
    let Worker::Proxy(proxy) = worker else { panic!("no proxy") };
    assert_eq!(
        (proxy.connections[0].name.as_str(), proxy.connections[0].auth),
        ("conn1", Some(ProxyAuth::Cryptosign))
    );
    let routes: Vec<_> = proxy
        .routes
        .iter()
        .map(|route| (route.realm.as_str(), route.role.as_str(), route.connections.len()))
        .collect();
    assert_eq!(routes, [("realm1", "anonymous", 1), ("realm1", "user", 2)]);
}

#[test]
fn the_rest_bridge_and_other_services() {
    let services = services(&json!({
        "a": {"type": "publisher", "realm": "realm1", "role": "trusted",
            "options": {"key": "k", "secret": "${SECRET}", "post_body_limit": 0, "require_ip": ["10.0.0.0/8"]}},
        "b": {"type": "webhook", "realm": "realm1", "role": "anonymous", "options": {"topic": "a.b"}},
        "c": {"type": "static", "directory": "d", "options": {"cache_timeout": null}},
        "d": {"type": "path", "paths": {"/": {"type": "redirect", "url": "/x"}, "e": {"type": "json", "value": null}}},
    }));
    let paths: Vec<&str> = services.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/a", "/b", "/c", "/d", "/d/e"]);
    let WebService::Publisher(publisher) = &services[0].1 else { panic!("no publisher") };
    let (key, secret) = publisher.options.signature.as_ref().expect("requests are signed");
    assert_eq!((key.as_str(), secret.reveal()), ("k", "s3cret"));
    assert_eq!((publisher.options.post_body_limit, publisher.options.timestamp_delta_limit), (1 << 20, 300));
    assert!(publisher.options.require_ip[0].contains("10.1.2.3".parse().expect("an address")));
    assert!(!format!("{publisher:?}").contains("s3cret"));
    let WebService::Webhook(webhook) = &services[1].1 else { panic!("no webhook") };
    assert_eq!((webhook.success_response.as_str(), webhook.error_response.as_str()), ("OK", "NOT OK"));
    let WebService::Static(files) = &services[2].1 else { panic!("no files") };
    assert_eq!((files.cache_timeout, &files.source), (None, &StaticSource::Directory(PathBuf::from("d"))));
    let WebService::Json(value) = &services[4].1 else { panic!("no value") };
    assert_eq!((&value.value, value.allow_cross_origin), (&Value::Null, true));
}

#[test]
fn mqtt_payloads() {
    let options = json!({"realm": "realm1", "payload_mapping": {
        "": {"type": "passthrough"}, "a.": {"type": "native", "serializer": "json"}}});
    let worker = worker(
        &json!({"type": "router", "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}]}],
        "transports": [{"type": "mqtt", "endpoint": {"type": "tcp", "port": 1}, "options": options}]}),
    );
    let Protocol::Mqtt(mqtt) = &worker.as_router().expect("a router").transports[0].protocol else {
        panic!("no MQTT")
    };
    let kinds: Vec<_> = mqtt.payload_mapping.iter().map(|it| (it.prefix.as_str(), &it.kind)).collect();
    assert_eq!(
        kinds,
        [("", &PayloadKind::Passthrough), ("a.", &PayloadKind::Native { serializer: Serializer::Json })]
    );
    assert!(mqtt.auth.anonymous.is_some());
}

#[test]
fn the_controller() {
    let checked = checked(
        &json!({"version": 2, "controller": {"enable_docker": true, "keyring": {"type": "file", "path": "k"},
        "fabric": {"transport": null, "heartbeat": {"heartbeat_period": 60}}}}),
    );
    let controller = &checked.node.controller;
    assert!(controller.enable_docker);
    assert_eq!(controller.keyring, Some(Keyring::File { path: Some(PathBuf::from("k")) }));
    let fabric = controller.fabric.as_ref().expect("an uplink");
    assert_eq!(
        (&fabric.transport, fabric.heartbeat.heartbeat_period, fabric.heartbeat.startup_delay),
        (&None, 60, 5)
    );
    assert_eq!((checked.warnings.len(), checked.warnings.count(Severity::Warning)), (3, 3));
}

#[test]
fn nothing_is_not_built_in_a_disabled_worker() {
    let config = json!({"version": 2, "workers": [
        {"type": "container", "options": {"disabled": true}},
        {"type": "router", "options": {"disabled": "${NO_CE}"}, "realms": [{"name": "a-[a-z]+", "template": true}]},
        {"type": "router", "transports": [{"type": "flashpolicy", "endpoint": {"type": "tcp", "port": 7}, "allowed_ports": [80]}]},
        {"type": "router", "options": {"disabled": true}, "transports": [{"type": "flashpolicy", "endpoint": {"type": "tcp", "port": 8}, "allowed_ports": [80]}]}]});
    let found = checked(&config).warnings;
    let not_built: Vec<_> =
        found.iter().filter(|it| it.severity == Severity::NotBuilt).map(|it| it.path.as_str()).collect();
    assert_eq!(not_built, ["$.workers[2].transports[0].type"]);
}
