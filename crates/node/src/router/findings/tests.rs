use crossweave_config::{Environment, Format, default_node, parse};
use crossweave_router::{
    AdmissionOptions, Asked, Authentication, CookieOptions, CookieStore, HistoryStore, Methods, OnSlow,
    RealmDefinition, Source,
};
use crossweave_router_core::limits::{CallQueueRule, HistoryRule, RealmLimits};
use crossweave_transport::ListenEndpoint;
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_wamp::{MatchPolicy, Serializer, Strictness};
use serde_json::{Value, json};

use super::super::transport::Listen;
use super::super::{admission, realm, transport};
use super::*;

/// What the routers of a node are told.
struct Plan {
    warnings: Vec<String>,
    admissions: Vec<AdmissionOptions>,
    definitions: Vec<(String, RealmDefinition)>,
    listens: Vec<Listen>,
}

fn planned(config: &Value) -> Result<Plan, Vec<Obstacle>> {
    let checked = parse(&config.to_string(), Format::Json, "config.json", Environment::empty());
    plan(&checked.unwrap_or_else(|problems| panic!("{problems}")).node)
}

fn plan(node: &Node) -> Result<Plan, Vec<Obstacle>> {
    let warnings = findings(node, &Extensions::default())?;
    let (limits, ignored) = (&node.controller.options.limits, &mut Findings::new(&Extensions::default()));
    let mut plan = Plan { warnings, admissions: Vec::new(), definitions: Vec::new(), listens: Vec::new() };
    for worker in node.routers() {
        plan.admissions.push(admission(limits));
        for it in &worker.realms {
            plan.definitions.push((it.name.clone(), realm::definition(it, limits, "", ignored)));
        }
        let realms: Vec<String> = worker.realms.iter().map(|it| it.name.clone()).collect();
        let listens = worker.transports.iter().map(|it| transport::listen(it, realms.clone(), "", ignored));
        plan.listens.extend(listens);
    }
    Ok(plan)
}

/// A node with one realm and this transport.
fn with_transport(transport: Value) -> Value {
    let roles = json!([{"name": "anonymous", "permissions": [{"uri": "*", "allow": {"call": true}}]}]);
    let worker =
        json!({"type": "router", "realms": [{"name": "realm1", "roles": roles}], "transports": [transport]});
    json!({"version": 2, "workers": [worker]})
}

fn tcp(port: u16) -> Value {
    json!({"type": "tcp", "port": port, "interface": "127.0.0.1"})
}

fn only_listen(transport: Value) -> Listen {
    let mut plan = planned(&with_transport(transport)).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
    assert_eq!(plan.warnings, Vec::<String>::new());
    plan.listens.pop().unwrap()
}

fn obstacles(config: &Value) -> Vec<String> {
    match planned(config) {
        Ok(_) => Vec::new(),
        Err(obstacles) => obstacles.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_built_in_node_is_a_router_with_a_realm_and_a_transport() {
    let plan = plan(&default_node()).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
    assert!(plan.warnings.is_empty());
    let ([(name, definition)], [listen]) = (&plan.definitions[..], &plan.listens[..]) else {
        panic!("one realm and one transport are expected")
    };
    assert_eq!((name.as_str(), definition.roles.len()), ("realm1", 1));
    assert_eq!(&*definition.roles[0].name, "anonymous");
    assert_eq!(listen.options.endpoint, ListenEndpoint::tcp("127.0.0.1", 8080));
    assert!(listen.options.rawsocket.is_some() && listen.options.websocket.contains_key("/ws"));
    assert!(listen.options.http.is_none(), "only the node without a configuration has a page");
}

#[test]
fn trust_levels_of_permissions_and_roles_reach_the_realm() {
    let levels = |role: Value| {
        let mut config = with_transport(json!({"type": "rawsocket", "endpoint": tcp(0)}));
        config["workers"][0]["realms"][0]["roles"][0] = role;
        let plan = planned(&config).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
        let rules = &plan.definitions[0].1.options.trust;
        let rule = |it: &crossweave_router_core::TrustRule| {
            (it.role.to_string(), it.uri.clone(), it.match_policy.as_str(), it.level)
        };
        rules.iter().map(rule).collect::<Vec<_>>()
    };
    let permissions = json!([{"uri": "*"}, {"uri": "com.a.*", "trustlevel": 0}]);
    let role = json!({"name": "anonymous", "permissions": permissions, "trustlevel": 2});
    assert_eq!(
        levels(role),
        [("anonymous".into(), "com.a.".into(), "prefix", 0), ("anonymous".into(), "".into(), "prefix", 2)]
    );
    assert_eq!(levels(json!({"name": "anonymous", "allow-by-default": true})), []);
    let asking = json!({"name": "anonymous", "authorizer": "com.example.authorize", "trustlevel": 1});
    assert_eq!(levels(asking), [("anonymous".into(), "".into(), "prefix", 1)]);
}

#[test]
fn methods_of_a_role_reach_the_realm() {
    let scram = json!({"type": "dynamic", "authenticator": "com.example.authenticate"});
    for role in [
        json!({"name": "anonymous", "allow-by-default": true}),
        json!({"name": "anonymous", "authorizer": "com.example.authorize"}),
    ] {
        let transport = json!({"type": "rawsocket", "endpoint": tcp(0), "auth": {"scram": scram}});
        let mut config = with_transport(transport);
        config["workers"][0]["realms"][0]["roles"][0] = role;
        config["workers"][0]["realms"][0]["roles"][0]["authmethods"] = json!(["scram"]);
        let plan = planned(&config).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
        let role =
            plan.definitions.into_iter().find_map(|(_, definition)| definition.roles.into_iter().next());
        let methods = role.expect("the realm has a role").authmethods;
        assert_eq!(methods.as_deref(), Some(&[crossweave_wamp::AuthMethod::Scram][..]));
    }
}

#[test]
fn every_websocket_option_reaches_the_router() {
    let options = json!({
        "max_frame_size": 1000, "max_message_size": 2000, "auto_fragment_size": 300,
        "auto_ping_interval": 4000, "auto_ping_timeout": 0, "require_websocket_subprotocol": false,
        "allowed_origins": ["http://*.example.com"], "allow_null_origin": true,
        "compression": {"deflate": {"request_max_window_bits": 10, "max_window_bits": 11,
            "no_context_takeover": true, "request_no_context_takeover": true}},
    });
    let transport =
        json!({"type": "websocket", "endpoint": tcp(1), "serializers": ["cbor"], "options": options});
    let listen = only_listen(transport);
    let websocket = &listen.options.websocket["*"];
    assert_eq!((websocket.max_frame_size, websocket.max_message_size), (1000, 2000));
    assert_eq!((websocket.auto_fragment_size, websocket.auto_ping_interval_ms), (300, 4000));
    assert_eq!(websocket.auto_ping_timeout_ms, super::super::transport::UNLIMITED_MS);
    assert!(websocket.allows_no_subprotocol);
    assert_eq!(websocket.serializers, [Serializer::Cbor]);
    let patterns = vec!["http://*.example.com".to_owned()];
    assert_eq!(websocket.origins, OriginPolicy::Allowed { patterns, allows_null: true });
    let deflate = websocket.deflate.as_ref().unwrap();
    assert_eq!((deflate.request_max_window_bits, deflate.max_window_bits), (10, 11));
    assert!(deflate.no_context_takeover && deflate.request_no_context_takeover);
    assert!(listen.options.rawsocket.is_none());
}

#[test]
fn without_options_frames_are_as_long_as_messages_and_origins_depend_on_the_reach() {
    let local = only_listen(json!({"type": "websocket", "endpoint": tcp(1)}));
    let websocket = &local.options.websocket["*"];
    assert_eq!(websocket.max_frame_size, websocket.max_message_size);
    assert_eq!(websocket.origins, OriginPolicy::Local);
    let open = only_listen(json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 1}}));
    assert_eq!(open.options.websocket["*"].origins, OriginPolicy::SameOrigin);
    let options = json!({"allowed_origins": ["*"]});
    let any = only_listen(json!({"type": "websocket", "endpoint": tcp(1), "options": options}));
    assert_eq!(any.options.websocket["*"].origins, OriginPolicy::any());
    assert_eq!(open.options.endpoint, ListenEndpoint::tcp("", 1));
}

#[test]
fn rawsocket_options_reach_the_router_and_sizes_are_rounded_down() {
    let transport = json!({"type": "rawsocket", "endpoint": tcp(1), "serializers": ["json", "msgpack"],
        "options": {"max_message_size": 100_000, "max_queue_bytes": 70_000, "on_slow": "disconnect",
            "handshake_timeout": 0, "auto_ping_interval": 20_000, "auto_ping_timeout": 3_000,
            "resumption": {"window": 5, "buffer": 10_000, "max_sessions_per_client": 7}}});
    let listen = only_listen(transport);
    let rawsocket = listen.options.rawsocket.as_ref().unwrap();
    assert_eq!(rawsocket.max_message_size, 65_536);
    assert_eq!(rawsocket.serializers, [Serializer::Json, Serializer::MsgPack]);
    assert_eq!((rawsocket.auto_ping_interval_ms, rawsocket.auto_ping_timeout_ms), (20_000, 3_000));
    let default = only_listen(json!({"type": "rawsocket", "endpoint": tcp(1)})).options.rawsocket.unwrap();
    assert_eq!(default.auto_ping_interval_ms, 0, "some clients take a ping for an error");
    assert_eq!((listen.options.queue.bytes_max, listen.options.queue.on_slow), (70_000, OnSlow::Disconnect));
    assert_eq!(listen.options.handshake_timeout_ms, super::super::transport::UNLIMITED_MS);
    let resumption = listen.options.resumption.unwrap();
    assert_eq!(
        (resumption.window_s, resumption.buffer_bytes_max, resumption.sessions_max),
        (5, 10_000, 1_000)
    );
    assert_eq!(resumption.sessions_per_client_max, 7);
    assert!(listen.options.websocket.is_empty());
}

#[test]
fn universal_and_web_paths_are_websocket_paths() {
    let ws = json!({"type": "websocket"});
    let web = json!({"paths": {"/": ws, "api": {"type": "path", "paths": {"ws": ws}}}});
    let listen =
        only_listen(json!({"type": "universal", "endpoint": tcp(1), "websocket": {"ws": ws}, "web": web}));
    assert_eq!(listen.options.websocket.keys().collect::<Vec<_>>(), ["/", "/api/ws", "/ws"]);
}

#[test]
fn endpoints_keep_all_their_options() {
    let endpoint = json!({"type": "tcp", "portrange": [5, 7], "version": 6, "backlog": 9, "shared": true,
        "user_timeout": 11});
    let listen = only_listen(json!({"type": "rawsocket", "endpoint": endpoint}));
    assert_eq!(listen.ports, 5..=7);
    let expected = ListenEndpoint::Tcp {
        host: "::".into(),
        port: 5,
        backlog: 9,
        shared: true,
        user_timeout_ms: Some(11),
    };
    assert_eq!(listen.options.endpoint, expected);
    let endpoint = json!({"type": "unix", "path": "cw.sock", "mode": "0660", "backlog": 3});
    let listen = only_listen(json!({"type": "rawsocket", "endpoint": endpoint}));
    let expected = ListenEndpoint::Unix { path: "cw.sock".into(), mode: Some(0o660), backlog: 3 };
    assert_eq!(listen.options.endpoint, expected);
}

#[test]
fn tls_files_reach_the_router() {
    let mut endpoint = tcp(1);
    endpoint["tls"] = json!({"key": "k.pem", "certificate": "c.pem", "chain_certificates": ["x.pem"],
        "ca_certificates": ["ca.pem"],
        "certificates": [{"key": "k2.pem", "certificate": "c2.pem", "chain_certificates": ["x2.pem"]}]});
    let tls = only_listen(json!({"type": "rawsocket", "endpoint": endpoint})).options.tls.unwrap();
    assert_eq!(tls.certificates[0].key.to_str(), Some("k.pem"));
    assert_eq!(tls.certificates[0].certificate.to_str(), Some("c.pem"));
    assert_eq!(tls.certificates[0].chain[0].to_str(), Some("x.pem"));
    assert_eq!(tls.certificates[1].key.to_str(), Some("k2.pem"));
    assert_eq!(tls.certificates[1].certificate.to_str(), Some("c2.pem"));
    assert_eq!(tls.certificates[1].chain[0].to_str(), Some("x2.pem"));
    assert_eq!(tls.client_ca[0].to_str(), Some("ca.pem"));
}

fn methods(authentication: &Option<Authentication>) -> &Methods {
    let Some(Authentication::Methods(methods)) = authentication else { panic!("{authentication:?}") };
    methods
}

#[test]
fn anonymous_clients_get_the_role_and_authid_of_the_configuration() {
    let auth =
        json!({"anonymous": {"type": "static", "role": "anonymous", "authid": "guest", "realm": "realm1"}});
    let listen = only_listen(json!({"type": "rawsocket", "endpoint": tcp(1), "auth": auth}));
    let rawsocket = listen.options.rawsocket.unwrap();
    let Some(Source::Static(anonymous)) = &methods(&rawsocket.authentication).anonymous else { panic!() };
    assert_eq!((&*anonymous.authrole, anonymous.authid.as_deref()), ("anonymous", Some("guest")));
    assert_eq!(anonymous.realm.as_deref(), Some("realm1"));
}

#[test]
fn each_part_of_a_transport_keeps_its_own_methods() {
    let ticket =
        json!({"ticket": {"type": "static", "principals": {"joe": {"ticket": "t", "role": "anonymous"}}}});
    let asked = json!({"wampcra": {"type": "dynamic", "authenticator": "com.example.auth"}});
    let listen = only_listen(json!({"type": "universal", "endpoint": tcp(1), "rawsocket": {"auth": ticket},
        "websocket": {"ws": {"auth": asked}}}));
    let rawsocket = listen.options.rawsocket.unwrap();
    assert!(methods(&rawsocket.authentication).ticket.is_some());
    assert!(methods(&rawsocket.authentication).anonymous.is_none());
    let websocket = methods(&listen.options.websocket["/ws"].authentication);
    let Some(Source::Asked(Asked::Procedure(procedure))) = &websocket.wampcra else { panic!() };
    assert_eq!((procedure.uri.as_str(), &procedure.realm), ("com.example.auth", &None));
}

#[test]
fn cookies_reach_the_router() {
    let cookie = json!({"name": "session", "secure": true, "same_site": "Lax",
        "store": {"type": "database", "path": "cookies.db"}});
    let auth = json!({"cookie": {}, "ticket": {"type": "dynamic", "authenticator": "com.example.auth"}});
    let listen =
        only_listen(json!({"type": "websocket", "endpoint": tcp(1), "cookie": cookie, "auth": auth}));
    let websocket = &listen.options.websocket["*"];
    assert!(methods(&websocket.authentication).cookie);
    let store = CookieStore::Database { path: "cookies.db".into(), purge_on_startup: false };
    let expected = CookieOptions {
        name: "session".into(),
        secure: true,
        same_site: Some("Lax"),
        store,
        ..CookieOptions::default()
    };
    assert_eq!(websocket.cookies, Some(expected));
}

#[test]
fn a_function_that_is_not_part_of_the_program_is_an_obstacle() {
    let auth = json!({"ticket": {"type": "function", "create": "database"}});
    let found = obstacles(&with_transport(json!({"type": "rawsocket", "endpoint": tcp(1), "auth": auth})));
    assert!(found.len() == 1 && found[0].contains("no authentication function \"database\""), "{found:?}");
}

#[test]
fn a_key_that_is_none_is_an_obstacle() {
    let keys = ["02".repeat(32)];
    let auth = json!({"cryptosign": {"type": "static",
        "principals": {"joe": {"authorized_keys": keys, "role": "anonymous"}}}});
    let found = obstacles(&with_transport(json!({"type": "rawsocket", "endpoint": tcp(1), "auth": auth})));
    assert!(found.len() == 1 && found[0].contains("client \"joe\""), "{found:?}");
}

#[test]
fn limits_reach_routers_and_realms() {
    let mut config = with_transport(json!({"type": "rawsocket", "endpoint": tcp(1)}));
    config["controller"] = json!({"options": {"limits": {"max_connections": 1, "max_pending_connections": 2,
        "max_pending_per_address": 3, "max_subscriptions_per_session": 4, "max_registrations_per_session": 5,
        "max_uri_length": 600, "max_pending_body_bytes": 65_536, "max_pending_body_bytes_per_address": 65_537}}});
    let options = json!({"uri_check": "strict", "enable_meta_api": false});
    config["workers"][0]["realms"][0]["options"] = options;
    let plan = planned(&config).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
    let (admission, definition) = (&plan.admissions[0], &plan.definitions[0].1);
    let bounds = (admission.connections_max, admission.pending_max, admission.pending_per_address_max);
    let bytes = (admission.pending_body_bytes_max, admission.pending_body_bytes_per_address_max);
    assert_eq!((bounds, bytes), ((1, 2, 3), (65_536, 65_537)));
    let limits = &definition.options.limits;
    assert_eq!((limits.subscriptions_per_session_max, limits.registrations_per_session_max), (4, 5));
    assert_eq!(limits.uri_len_max, 600);
    assert_eq!(definition.options.strictness, Strictness::Strict);
    assert_eq!(definition.options.meta_api, crossweave_router_core::MetaApi::Nobody);
}

#[test]
fn a_uri_length_that_the_router_does_not_take_is_refused() {
    let mut config = with_transport(json!({"type": "rawsocket", "endpoint": tcp(1)}));
    config["controller"] = json!({"options": {"limits": {"max_uri_length": 2000}}});
    let found = obstacles(&config);
    assert!(found[0].contains("2000 is more than the 1024 bytes"), "{found:?}");
}

#[test]
fn workers_are_routers_of_their_own_and_disabled_ones_are_left_out() {
    let mut config = with_transport(json!({"type": "rawsocket", "endpoint": tcp(1)}));
    let mut second = config["workers"][0].clone();
    second["transports"][0]["endpoint"]["port"] = json!(2);
    let mut third = second.clone();
    third["options"] = json!({"disabled": true});
    config["workers"].as_array_mut().unwrap().extend([second, third]);
    let plan = planned(&config).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
    assert_eq!((plan.admissions.len(), plan.definitions.len(), plan.listens.len()), (2, 2, 2));
}

#[test]
fn options_without_effect_are_told_with_their_place() {
    let transport = json!({"type": "universal", "endpoint": tcp(1),
        "websocket": {"ws": {"options": {"tcp_nodelay": false, "auto_ping_size": 20}}}});
    let plan = planned(&with_transport(transport)).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    assert!(
        plan.warnings[0].contains("transport \"transport001\", path \"/ws\": `tcp_nodelay` has no effect")
    );
}

#[test]
fn stores_and_limits_of_what_is_kept_reach_the_router() {
    let mut config = with_transport(json!({"type": "websocket", "endpoint": tcp(1)}));
    config["controller"] = json!({"options": {"limits": {
        "max_queued_calls_per_registration": 1, "max_retained_events": 2, "max_retained_bytes": 3,
        "max_retained_age": 4, "max_history_result": 5, "max_history_result_bytes": 6000, "max_decisions": 7,
        "max_decision_age": 8}}});
    let realm = &mut config["workers"][0]["realms"][0];
    realm["options"] = json!({"enable_meta_api": false});
    realm["store"] = json!({"type": "sqlite", "path": "events.db",
        "event-history": [
            {"uri": "com.x"},
            {"uri": "com.", "match": "prefix", "limit": 9, "bytes": 1024, "age": 60}],
        "call-queue": [{"uri": "com..y", "match": "wildcard", "limit": 0}]});
    let plan = planned(&config).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
    assert_eq!(plan.warnings.len(), 1);
    assert!(plan.warnings[0].contains("`event-history` has no effect: `enable_meta_api` is false"));
    let definition = &plan.definitions[0].1;
    assert_eq!(definition.history, HistoryStore::Sqlite { path: "events.db".into() });
    let rule = HistoryRule::new;
    let expected = [
        HistoryRule { bytes_max: 16 << 20, ..rule("com.x", MatchPolicy::Exact) },
        HistoryRule {
            events_max: 9,
            bytes_max: 1_024,
            age_max_ms: Some(60_000),
            ..rule("com.", MatchPolicy::Prefix)
        },
    ];
    assert_eq!(definition.options.history, expected);
    let uri = "com..y".to_owned();
    let queue = CallQueueRule { uri, match_policy: MatchPolicy::Wildcard, calls_max: 0 };
    assert_eq!(definition.options.call_queues, [queue]);
    let limits = &definition.options.limits;
    assert_eq!(limits.queued_calls_per_registration_max, 1);
    assert_eq!((limits.retained_events_max, limits.retained_bytes_max), (2, 3));
    assert_eq!(limits.retained_age_max_ms, Some(4_000));
    assert_eq!((limits.history_result_max, limits.history_result_bytes_max), (5, 6_000));
    assert_eq!((limits.decisions_max, limits.decision_ttl_ms), (7, 8_000));
}

#[test]
fn what_a_configuration_leaves_out_is_what_the_realm_does_by_itself() {
    let plan = plan(&default_node()).unwrap_or_else(|obstacles| panic!("{obstacles:?}"));
    let definition = &plan.definitions[0].1;
    let (limits, default) = (&definition.options.limits, RealmLimits::default());
    assert_eq!(format!("{limits:?}"), format!("{default:?}"));
    assert_eq!(definition.history, HistoryStore::Memory);
}

#[test]
fn what_only_another_program_has_is_in_the_way_at_its_place() {
    let mut config = with_transport(json!({"type": "rawsocket", "endpoint": tcp(1), "auth": {
        "one-time": {"type": "function", "create": "otp"}, "ticket": {"type": "function", "create": "door"}}}));
    let realm = &mut config["workers"][0]["realms"][0];
    realm["roles"][0]["authmethods"] = json!(["one-time", "ticket"]);
    realm["store"] = json!({"type": "rust", "name": "ledger", "event-history": [{"uri": "com.x"}]});
    let (realm, transport) =
        ("worker \"worker001\", realm \"realm1\"", "worker \"worker001\", transport \"transport001\"");
    assert_eq!(
        obstacles(&config),
        [
            format!("{realm}, role \"anonymous\": unknown authmethod `one-time`"),
            format!("{realm}: no event store \"ledger\" is part of this program"),
            format!("{transport}: no authentication function \"door\" is part of this program"),
            format!("{transport}: `auth.one-time`: no login method \"otp\" is part of this program"),
        ]
    );
}

#[test]
fn a_cpu_that_this_machine_does_not_have_is_warned_of() {
    let mut config = with_transport(json!({"type": "rawsocket", "endpoint": tcp(1)}));
    config["workers"][0]["options"] = json!({"cpu_affinity": [0, 4095]});
    let told = |config: &Value| planned(config).unwrap_or_else(|obstacles| panic!("{obstacles:?}")).warnings;
    let [warning] = &told(&config)[..] else { panic!("one warning") };
    let expected = "worker \"worker001\": `cpu_affinity` has CPU 4095, and this machine has 0";
    assert!(warning.starts_with(expected), "{warning}");
    config["workers"][0]["options"] = json!({"cpu_affinity": [0]});
    assert_eq!(told(&config), Vec::<String>::new());
}
