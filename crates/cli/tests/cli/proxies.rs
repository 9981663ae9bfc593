//! Proxy workers: clients that connect to a proxy have their sessions on routers behind it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crossweave_client::{
    Arguments, Auth, Client, ConnectError, JoinError, Options, Reconnect, Serializer, Value as Wamp,
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

#[test]
fn what_is_not_built_for_proxies_is_told_when_it_is_started() {
    let mut proxy = proxy(&json!({"conn1": connection("router1-behind")}), &json!("conn1"));
    proxy["transports"][0]["auth"] = json!({"ticket": {"type": "dynamic", "authenticator": "com.example.authenticate",
        "authenticator-realm": "realm1"}});
    let node = Managed::start_unready(&json!([router("router1"), proxy]), &[]);
    node.process.wait_for("authentication by a procedure (`dynamic`) is not built yet for proxies");
}
