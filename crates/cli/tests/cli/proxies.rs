//! Proxy workers: clients that connect to a proxy have their sessions on routers behind it.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crossweave_client::{
    Arguments, Auth, Client, ConnectError, Dict, Invocation, JoinError, Options, Reconnect, Serializer,
    Value as Wamp, WampError,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::background::PATIENCE;
use crate::managed::Managed;

fn permissions() -> Value {
    json!([{"uri": "*", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}])
}

/// A router with `realm1`, behind a proxy and, on the socket `ID`, for anybody. It answers who it is.
pub(crate) fn router(id: &str) -> Value {
    let role = |name: &str| json!({"name": name, "permissions": permissions()});
    let socket = |name: &str| json!({"type": "unix", "path": name});
    let behind = json!({"type": "rawsocket", "endpoint": socket(&format!("{id}-behind")),
        "auth": {"anonymous-proxy": {"type": "static"}}});
    let direct = json!({"type": "rawsocket", "endpoint": socket(id)});
    let realm = json!({"name": "realm1", "roles": [role("anonymous"), role("user")]});
    json!({"id": id, "type": "router", "realms": [realm], "transports": [behind, direct]})
}

pub(crate) fn connection(socket: &str) -> Value {
    let endpoint = json!({"type": "unix", "path": socket});
    json!({"transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint}})
}

/// A proxy for clients of RawSocket on the socket `front`, and of WebSocket on `front-ws`.
fn proxy(connections: &Value, users: &Value) -> Value {
    let ticket = json!({"type": "static", "principals": {"joe": {"ticket": "secret!!!", "role": "user"},
        "ann": {"ticket": "secret!!!", "role": "admin"}}});
    let auth = json!({"anonymous": {"type": "static", "role": "anonymous"}, "ticket": ticket});
    let socket = |name: &str| json!({"type": "unix", "path": name});
    json!({"id": "proxy", "type": "proxy", "connections": connections,
    "routes": {"realm1": {"anonymous": users, "user": users}},
    "transports": [
        {"type": "rawsocket", "endpoint": socket("front"), "auth": auth},
        {"type": "websocket", "endpoint": socket("front-ws"), "auth": auth},
    ]})
}

fn options(serializer: Serializer) -> Options {
    Options { serializers: vec![serializer], reconnect: Reconnect::Off, ..Options::default() }
}

async fn join(path: PathBuf, realm: &str, options: Options) -> Result<Client, ConnectError> {
    Client::connect_with(&format!("unix:{}", path.display()), realm, options).await
}

fn refusal(joined: Result<Client, ConnectError>) -> String {
    match joined {
        Err(ConnectError::Join { cause: JoinError::Refused(error), .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sessions_of_all_serializers_go_through_a_proxy() {
    let connections = json!({"conn1": connection("router1-behind")});
    let node = Managed::start(&json!([router("router1"), proxy(&connections, &json!("conn1"))]), &[]);
    let direct = join(node.path("router1"), "realm1", options(Serializer::MsgPack)).await.unwrap();
    let echo = |invocation: crossweave_client::Invocation| async move {
        let who = invocation.caller_authid.clone().unwrap_or_default();
        invocation.progress(Arguments::new().arg("soon")).await?;
        Ok(Arguments::new().arg(who).arg(invocation.args()[0].clone()))
    };
    direct.register_dynamic("com.example.echo", echo).await.unwrap().detach();
    let mut heard = direct.subscribe("com.example.said").await.unwrap();
    for serializer in [Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::Ubjson] {
        let options = Options { auth: Auth::ticket("joe", "secret!!!"), ..options(serializer) };
        let url = format!("unix+ws://{}?path=/", node.path("front-ws").display());
        let client = Client::connect_with(&url, "realm1", options).await.unwrap();
        let session = client.session();
        assert_eq!(
            [&session.authid, &session.authrole, &session.authmethod]
                .map(|it| it.as_deref().unwrap_or_default()),
            ["joe", "user", "ticket"],
        );
        let details = direct.call("wamp.session.get").arg(session.id.0).await.unwrap();
        let details = details.args()[0].as_dict().cloned().unwrap();
        assert_eq!((details.str("authid"), details.str("authmethod")), (Some("joe"), Some("ticket")));
        // More than a queue's bound and than a socket takes at once.
        let long = "x".repeat(6 << 20);
        let mut results =
            client.call("com.example.echo").arg(long.as_str()).disclose_me().progress().await.unwrap();
        assert_eq!(results.next().await.unwrap().unwrap().args()[0].as_str(), Some("soon"));
        let answer = results.next().await.unwrap().unwrap().args();
        assert_eq!((answer[0].as_str(), answer[1].as_str()), (Some("joe"), Some(long.as_str())));
        client.publish("com.example.said", (7, vec!["a"])).await.unwrap();
        let event = timeout(PATIENCE, heard.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(event.args(), [7.into(), Wamp::List(vec!["a".into()])]);
        client.leave().await;
        let gone = direct.call("wamp.session.get").arg(session.id.0).await;
        assert!(gone.is_err(), "the session is gone behind the proxy as well");
    }
    let last = join(node.path("front"), "realm1", options(Serializer::Json)).await.unwrap();
    node.call("crossbar.stop_worker", &[json!("proxy"), json!(false)]).unwrap();
    let why = timeout(PATIENCE, last.closed()).await.unwrap().unwrap().to_string();
    assert!(why.contains("wamp.close.system_shutdown"), "{why}");
}

#[tokio::test]
async fn a_proxy_says_why_it_lets_nobody_in_and_ends_with_its_router() {
    let connections = json!({"conn1": connection("router1-behind")});
    let node = Managed::start(&json!([router("router1"), proxy(&connections, &json!("conn1"))]), &[]);
    let join = |realm: &'static str, auth: Auth| {
        let options = Options { auth, ..options(Serializer::Cbor) };
        join(node.path("front"), realm, options)
    };
    let text = refusal(join("realm2", Auth::Anonymous).await);
    assert_eq!(text, "wamp.error.no_such_realm: no realm \"realm2\" exists on this router");
    let text = refusal(join("realm1", Auth::ticket("ann", "secret!!!")).await);
    assert_eq!(text, "wamp.error.no_such_role: no route for role \"admin\" of realm \"realm1\"");
    let text = refusal(join("realm1", Auth::ticket("joe", "wrong")).await);
    assert_eq!(text, "wamp.error.authentication_failed: authentication failed");
    // Who is no proxy is not let in behind it.
    let behind = self::join(node.path("router1-behind"), "realm1", options(Serializer::Cbor)).await;
    assert!(refusal(behind).contains("anonymous-proxy"), "the method is named");

    let anybody = join("realm1", Auth::Anonymous).await.unwrap();
    assert_eq!(anybody.session().authmethod.as_deref(), Some("anonymous"));
    let id = anybody.session().authid.clone().unwrap();
    let killed = node.call(
        "crossbar.worker.router1.kill_by_authid",
        &[json!("realm001"), json!(id), json!("com.example.enough")],
    );
    assert_eq!(killed.unwrap().as_array().unwrap().len(), 1);
    let why = timeout(PATIENCE, anybody.closed()).await.unwrap().unwrap().to_string();
    assert!(why.contains("com.example.enough"), "{why}");

    let anybody = join("realm1", Auth::Anonymous).await.unwrap();
    node.call("crossbar.stop_worker", &[json!("router1"), json!(true)]).unwrap();
    let why = timeout(PATIENCE, anybody.closed()).await.unwrap().unwrap().to_string();
    assert!(why.contains("wamp.close.system_shutdown"), "{why}");
    let text = refusal(join("realm1", Auth::Anonymous).await);
    assert_eq!(text, "wamp.error.unavailable: no router behind this proxy can be reached");
}

#[tokio::test]
async fn routers_are_used_in_turn_and_one_that_is_gone_is_passed_over() {
    let names = ["router1", "router2", "router3"];
    let connections = json!({"c01": connection("router1-behind"), "c02": connection("router2-behind"),
        "c03": connection("router3-behind")});
    // The third one is not there.
    let node = Managed::start(
        &json!([router("router1"), router("router2"), proxy(&connections, &json!(["c03", "c01", "c02"]))]),
        &[],
    );
    for name in &names[..2] {
        let direct = join(node.path(name), "realm1", options(Serializer::Cbor)).await.unwrap();
        let who = (*name).to_owned();
        let answer = move |()| {
            let who = who.clone();
            async move { Ok(who) }
        };
        direct.register("com.example.who", answer).await.unwrap().detach();
        std::mem::forget(direct);
    }
    let mut met = BTreeSet::new();
    for _ in 0..6 {
        let client = join(node.path("front"), "realm1", options(Serializer::Cbor)).await.unwrap();
        met.insert(client.call_with::<String>("com.example.who", ()).await.unwrap());
    }
    assert_eq!(met, ["router1", "router2"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_proxy_proves_itself_by_the_nodes_key() {
    let private = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";
    let public = crossweave_client::PrivateKey::from_hex(private).unwrap().public().to_hex();
    let key = format!("private-key-ed25519: {private}\n");
    let mut met = Vec::new();
    for authorized in [public, "11".repeat(32)] {
        let principals =
            json!({"node1": {"role": "proxy", "realm": "realm1", "authorized_keys": [authorized]}});
        let mut behind = router("router1");
        behind["transports"][0]["auth"] =
            json!({"cryptosign-proxy": {"type": "static", "principals": principals}});
        let mut connection = connection("router1-behind");
        connection["auth"] = json!({"cryptosign-proxy": {}});
        let workers = json!([behind, proxy(&json!({"conn1": connection}), &json!("conn1"))]);
        let node = Managed::start(&workers, &[("key.priv", &key)]);
        let auth = Auth::ticket("joe", "secret!!!");
        let client = join(node.path("front"), "realm1", Options { auth, ..options(Serializer::Json) }).await;
        met.push(client.map(|client| client.session().authrole.clone()).map_err(|error| error.to_string()));
        node.stop();
    }
    assert_eq!(met[0], Ok(Some("user".to_owned())));
    assert!(met[1].as_ref().is_err_and(|why| why.contains("wamp.error.unavailable")), "{met:?}");
}

#[tokio::test]
async fn who_speaks_for_others_cannot_be_everybody_or_come_from_everywhere() {
    let mut behind = router("router1");
    let endpoint = json!({"type": "tcp", "port": 0, "interface": "127.0.0.1"});
    behind["transports"][1] = json!({"type": "rawsocket", "endpoint": endpoint,
        "auth": {"anonymous-proxy": {"type": "static"}}});
    let node = Managed::start_unready(&json!([behind]), &[]);
    let tcp = loop {
        let line = node.process.line();
        if let Some(address) = line.split("listening on rs://").nth(1) {
            break format!("rs://{}", address.split(' ').next().unwrap_or_default());
        }
    };
    let unix = format!("unix:{}", node.path("router1-behind").display());
    let speak = |url: String, keys: &[(&str, &str)]| {
        let mut options = Options { auth: Auth::AnonymousProxy, ..options(Serializer::Cbor) };
        keys.iter().for_each(|(key, value)| options.authextra.insert(*key, *value));
        async move { Client::connect_with(&url, "realm1", options).await }
    };
    let all = [("proxy_realm", "realm1"), ("proxy_authid", "joe"), ("proxy_authrole", "user")];
    let client = speak(unix.clone(), &all).await.unwrap();
    assert_eq!(client.session().authid.as_deref(), Some("joe"));
    assert!(refusal(speak(tcp, &all).await).contains("authentication_failed"));
    for missing in 0..3 {
        let mut some = all.to_vec();
        let (key, _) = some.remove(missing);
        let text = refusal(speak(unix.clone(), &some).await);
        assert!(text.contains(&format!("authextra has no {key}")), "{text}");
    }
    for role in ["trusted", "nobody"] {
        let keys = [all[0], all[1], ("proxy_authrole", role)];
        assert!(refusal(speak(unix.clone(), &keys).await).contains("no_such_role"), "{role}");
    }
}

/// A proxy for clients that are asked about on `realm1` of the router, in the role `authenticator`.
fn asking_proxy(method: &str) -> Value {
    let connections = json!({"conn1": connection("router1-behind")});
    let mut proxy = proxy(&connections, &json!("conn1"));
    let roles = json!({"anonymous": "conn1", "user": "conn1", "authenticator": "conn1"});
    proxy["routes"] = json!({"realm1": roles});
    proxy["transports"][0]["auth"] = json!({method: {"type": "dynamic", "authenticator": "com.example.authenticate",
        "authenticator-realm": "realm1", "authenticator-role": "authenticator"}});
    proxy
}

/// A router whose role `authenticator` may call the authenticator, and nothing else.
fn asked_router() -> Value {
    let mut router = router("router1");
    let rule =
        json!({"uri": "com.example.authenticate", "allow": {"call": true}, "disclose": {"caller": true}});
    router["realms"][0]["roles"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "authenticator", "permissions": [rule]}));
    router
}

/// What the authenticator of these tests says of a client.
fn decide(invocation: &Invocation) -> Result<Arguments, WampError> {
    let args = invocation.args();
    let (authid, details) = (args[1].as_str().unwrap_or_default(), args[2].as_dict().cloned().unwrap());
    let granted = Dict::new().with("role", "user").with("authid", format!("{authid}!"));
    match (authid, details.str("ticket")) {
        ("joe", Some("secret!!!")) => {
            let asker = invocation.caller_authid.clone().unwrap_or_default();
            let extra = Dict::new().with("asker", asker).with("realm", args[0].as_str().unwrap_or_default());
            Ok(Arguments::new().arg(granted.with("extra", extra)))
        }
        ("joe", None) => Ok(Arguments::new().arg(granted.with("secret", "pa55"))),
        ("eve", _) => Err(WampError::new("com.example.no").arg("not you")),
        ("max", _) => Err(WampError::new("wamp.error.not_authorized").arg("inner workings")),
        ("odd", _) => Ok(Arguments::new().arg(7)),
        ("top", _) => Ok(Arguments::new().arg(granted.with("role", "trusted"))),
        _ => Ok(Arguments::new().arg(granted.with("role", "nobody"))),
    }
}

async fn authenticator(node: &Managed) -> Client {
    let direct = join(node.path("router1"), "realm1", options(Serializer::Cbor)).await.unwrap();
    let answer = |invocation: Invocation| async move { decide(&invocation) };
    direct.register_dynamic("com.example.authenticate", answer).await.unwrap().detach();
    direct
}

#[tokio::test]
async fn a_proxy_asks_a_procedure_on_its_router_who_a_client_is() {
    let node = Managed::start(&json!([asked_router(), asking_proxy("ticket")]), &[]);
    let come = |authid: &str, ticket: &str| {
        let options = Options { auth: Auth::ticket(authid, ticket), ..options(Serializer::Json) };
        join(node.path("front"), "realm1", options)
    };
    let failed = "wamp.error.authentication_failed: authentication failed";
    assert_eq!(refusal(come("joe", "secret!!!").await), failed, "nobody answers");
    let asked = authenticator(&node).await;
    let joe = come("joe", "secret!!!").await.unwrap();
    let session = joe.session();
    assert_eq!(
        [&session.authid, &session.authrole, &session.authmethod].map(|it| it.as_deref().unwrap_or_default()),
        ["joe!", "user", "ticket"],
    );
    assert_eq!(session.authprovider.as_deref(), Some("dynamic"));
    let extra = session.details.dict("authextra").cloned().unwrap();
    assert_eq!((extra.str("asker"), extra.str("realm")), (Some("crossweave"), Some("realm1")));
    for authid in ["eve", "max", "odd", "top", "ann"] {
        assert_eq!(refusal(come(authid, "x").await), failed, "{authid}");
    }
    // One session asks, for all of them.
    let asking =
        asked.call("wamp.session.list").arg(Wamp::List(vec!["authenticator".into()])).await.unwrap().args();
    assert_eq!(asking[0].as_list().unwrap().len(), 1);

    // Without its router nobody is let in, and with it again, the proxy asks again.
    let router = node.call("crossbar.get_worker", &[json!("router1")]).unwrap()["pid"].as_i64().unwrap();
    let router = rustix::process::Pid::from_raw(i32::try_from(router).unwrap()).unwrap();
    rustix::process::kill_process(router, rustix::process::Signal::KILL).unwrap();
    timeout(PATIENCE, asked.closed()).await.unwrap();
    let text = refusal(come("joe", "secret!!!").await);
    assert!(text == failed || text.starts_with("wamp.error.unavailable"), "{text}");
    let back = async {
        loop {
            if let Ok(direct) = join(node.path("router1"), "realm1", options(Serializer::Cbor)).await {
                return direct;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    drop(timeout(PATIENCE, back).await.expect("the router is started again"));
    let _asked = authenticator(&node).await;
    assert_eq!(come("joe", "secret!!!").await.unwrap().session().authid.as_deref(), Some("joe!"));
    node.process.signal(rustix::process::Signal::TERM);
}

#[tokio::test]
async fn what_a_proxy_is_told_has_to_be_proven() {
    let node = Managed::start(&json!([asked_router(), asking_proxy("wampcra")]), &[]);
    let _asked = authenticator(&node).await;
    let come = |secret: &str| {
        let options = Options { auth: Auth::wamp_cra("joe", secret), ..options(Serializer::Cbor) };
        join(node.path("front"), "realm1", options)
    };
    assert_eq!(come("pa55").await.unwrap().session().authid.as_deref(), Some("joe!"));
    assert_eq!(refusal(come("other").await), "wamp.error.authentication_failed: authentication failed");
}

#[tokio::test]
async fn clients_of_a_proxy_are_told_the_errors_of_a_procedure_only_where_that_is_wanted() {
    for (pass_errors, told) in [
        (false, "wamp.error.authentication_failed: authentication failed"),
        (true, "com.example.no: not you"),
    ] {
        let mut proxy = asking_proxy("wampcra");
        proxy["transports"][0]["auth"]["wampcra"]["pass-errors"] = json!(pass_errors);
        let node = Managed::start(&json!([asked_router(), proxy]), &[]);
        let _asked = authenticator(&node).await;
        let options = Options { auth: Auth::wamp_cra("eve", "x"), ..options(Serializer::Json) };
        assert_eq!(refusal(join(node.path("front"), "realm1", options).await), told);
    }
}

#[tokio::test]
async fn a_procedure_that_does_not_answer_a_proxy_lets_nobody_in() {
    let node = Managed::start(&json!([asked_router(), asking_proxy("ticket")]), &[]);
    let direct = join(node.path("router1"), "realm1", options(Serializer::Cbor)).await.unwrap();
    let never = |_: Invocation| std::future::pending::<Result<Arguments, WampError>>();
    direct.register_dynamic("com.example.authenticate", never).await.unwrap().detach();
    let options = Options { auth: Auth::ticket("joe", "secret!!!"), ..options(Serializer::Json) };
    let text = refusal(timeout(PATIENCE, join(node.path("front"), "realm1", options)).await.unwrap());
    assert_eq!(text, "wamp.error.authentication_failed: authentication failed");
}

#[tokio::test]
async fn what_clients_of_a_proxy_log_in_with_is_in_no_trace() {
    let node = Managed::start(&json!([asked_router(), asking_proxy("ticket")]), &[]);
    let _asked = authenticator(&node).await;
    let on = |name: &str| format!("crossbar.worker.router1.{name}");
    let trace = json!({"trace_app_payload": true, "uri": "com.example.authenticate"});
    node.call(&on("start_trace"), &[json!("all"), trace]).unwrap();
    let auth = Auth::ticket("joe", "secret!!!");
    let options = Options { auth, ..options(Serializer::Json) };
    join(node.path("front"), "realm1", options).await.unwrap();
    let seen = node.call(&on("get_trace_data"), &[json!("all"), json!(0)]).unwrap();
    let kinds: Vec<_> = seen.as_array().unwrap().iter().map(|it| it["msg_type"].clone()).collect();
    assert_eq!(kinds, ["CALL", "INVOCATION", "YIELD", "RESULT"]);
    assert!(!seen.to_string().contains("secret!!!") && !seen.to_string().contains("joe!"), "{seen}");
}

#[tokio::test]
async fn a_client_of_a_proxy_cannot_become_somebody_else() {
    let connections = json!({"conn1": connection("router1-behind")});
    let node = Managed::start(&json!([router("router1"), proxy(&connections, &json!("conn1"))]), &[]);
    let direct = join(node.path("router1"), "realm1", options(Serializer::Cbor)).await.unwrap();
    let mut joined = direct.subscribe("wamp.session.on_join").await.unwrap();
    let mut heard = direct.subscribe("com.example.said").await.unwrap();
    let hello = json!([1, "realm1", {"roles": {"publisher": {}}}]);
    let roles = json!({"publisher": {}});
    let other = json!({"proxy_realm": "realm1", "proxy_authid": "admin", "proxy_authrole": "user"});
    let forged =
        json!([1, "realm1", {"roles": roles, "authmethods": ["anonymous-proxy"], "authextra": other}]);
    let goodbye = json!([6, {}, "wamp.close.normal"]);
    let publish = json!([16, 1, {}, "com.example.said", ["forged"]]);
    // The proxy's connection says who its sessions are: what comes behind GOODBYE must not get there.
    for messages in [vec![&goodbye, &forged, &publish], vec![&forged, &publish]] {
        let mut stream = UnixStream::connect(node.path("front")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[0x7f, 0xf1, 0, 0]).unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        stream.write_all(&framed(&[&hello])).unwrap();
        let mut len = [0; 4];
        stream.read_exact(&mut len).unwrap();
        let mut welcome = vec![0; u32::from_be_bytes(len) as usize];
        stream.read_exact(&mut welcome).unwrap();
        assert!(welcome.starts_with(b"[2,"), "WELCOME");
        stream.write_all(&framed(&messages)).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(!String::from_utf8_lossy(&rest).contains("admin"), "{rest:?}");
    }
    for _ in 0..2 {
        let details = timeout(PATIENCE, joined.next()).await.unwrap().unwrap().unwrap().args();
        assert_eq!(details[0].as_dict().unwrap().str("authrole"), Some("anonymous"));
    }
    let quiet = std::time::Duration::from_millis(300);
    assert!(timeout(quiet, joined.next()).await.is_err(), "somebody else has joined");
    assert!(timeout(quiet, heard.next()).await.is_err(), "somebody else has published");
}

#[tokio::test]
async fn messages_that_a_router_takes_from_no_proxy_do_not_fill_its_log() {
    let connections = json!({"conn1": connection("router1-behind")});
    let mut router = router("router1");
    router["transports"][0]["options"] = json!({"max_message_size": 4096});
    let node = Managed::start(&json!([router, proxy(&connections, &json!("conn1"))]), &[]);
    for _ in 0..25 {
        let client = join(node.path("front"), "realm1", options(Serializer::Cbor)).await.unwrap();
        client.publish("com.example.said", "x".repeat(8192)).await.unwrap();
        timeout(PATIENCE, client.closed()).await.expect("its session has ended");
    }
    let log = node.call("crossbar.get_worker_log", &[json!("proxy"), json!(1000)]).unwrap();
    let lines = log.as_array().into_iter().flatten().filter_map(Value::as_str);
    let told = lines.filter(|line| line.contains("message was not passed on")).count();
    assert_eq!(told, 10, "{log}");
}

fn framed(messages: &[&Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        let text = message.to_string();
        bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes
}

#[tokio::test]
async fn a_router_that_hangs_is_passed_over() {
    let connections = json!({"c01": connection("router1-behind"), "c02": connection("router2-behind")});
    let node = Managed::start(
        &json!([router("router1"), router("router2"), proxy(&connections, &json!(["c01", "c02"]))]),
        &[],
    );
    let pid = node.call("crossbar.get_worker", &[json!("router1")]).unwrap()["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let mut joined = Vec::new();
    for _ in 0..4 {
        joined.push(join(node.path("front"), "realm1", options(Serializer::Cbor)).await);
    }
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert!(joined.iter().all(Result::is_ok), "{joined:?}");
}
