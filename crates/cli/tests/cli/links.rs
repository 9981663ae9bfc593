//! Links between routers: events and calls from one node to the other, by nodes that run.

use std::path::Path;
use std::time::Duration;

use crossweave_client::{
    Arguments, CallError, Client, Event, Invocation, InvokePolicy, Options, Reconnect, Subscription,
    WampError,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::background::PATIENCE;
use crate::managed::Managed;

/// Long enough for what must not come.
const QUIET: Duration = Duration::from_millis(150);

/// A node with `realm1` on the socket `sockets/NAME`, for anybody and for links, which log in by a ticket.
fn node(sockets: &Path, name: &str, rlinks: &[Value]) -> Managed {
    node_with(sockets, name, rlinks, &[], &[])
}

/// With more transports, and these files.
fn node_with(
    sockets: &Path,
    name: &str,
    rlinks: &[Value],
    further: &[Value],
    files: &[(&str, &str)],
) -> Managed {
    let allow = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let everything = |name: &str| json!({"name": name, "permissions": [{"uri": "*", "allow": allow}]});
    let roles = json!([everything("anonymous"), everything("rlink")]);
    let ticket = json!({"type": "static", "principals": {"link": {"ticket": "link!!!", "role": "rlink"}}});
    let auth = json!({"anonymous": {"type": "static", "role": "anonymous"}, "ticket": ticket});
    let endpoint = json!({"type": "unix", "path": sockets.join(name)});
    let transport = json!({"type": "rawsocket", "endpoint": endpoint, "auth": auth});
    let transports: Vec<Value> = [transport].into_iter().chain(further.iter().cloned()).collect();
    let realm = json!({"name": "realm1", "roles": roles, "rlinks": rlinks});
    Managed::start(
        &json!([{"type": "router", "id": "router", "realms": [realm], "transports": transports}]),
        files,
    )
}

/// A link to `realm1` of the node at that socket, with more keys.
fn link(sockets: &Path, to: &str, more: &Value) -> Value {
    let endpoint = json!({"type": "unix", "path": sockets.join(to)});
    let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
    let auth = json!({"ticket": {"authid": "link", "ticket": "link!!!"}});
    let mut link = json!({"id": format!("to_{to}"), "realm": "realm1", "transport": transport, "auth": auth});
    link.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    link
}

/// What Crossbar.io recommends where every router has a link to every other one.
fn pulls() -> Value {
    json!({"forward_local_events": false, "forward_local_invocations": false})
}

async fn join(sockets: &Path, name: &str) -> Client {
    let url = format!("unix:{}", sockets.join(name).display());
    let options = Options { reconnect: Reconnect::Off, ..Options::default() };
    Client::connect_with(&url, "realm1", options).await.expect("anybody may join")
}

async fn next(subscription: &mut Subscription) -> Event {
    let event = timeout(PATIENCE, subscription.next()).await.expect("an event comes");
    event.expect("the subscription stands").expect("nothing is lost")
}

async fn is_quiet(subscription: &mut Subscription) -> bool {
    timeout(QUIET, subscription.next()).await.is_err()
}

/// Waits until a topic or procedure of the realm is there, or is not.
async fn lookup(client: &Client, what: &str, uri: &str, is_there: bool) {
    let asking = async {
        loop {
            let found = client.call(format!("wamp.{what}.lookup")).arg(uri).await.expect("anybody may ask");
            if found.args()[0].as_u64().is_some() == is_there {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let found = timeout(PATIENCE, asking).await;
    found.unwrap_or_else(|_| panic!("{what} of {uri} stays {}there", if is_there { "not " } else { "" }));
}

#[tokio::test]
async fn one_link_forwards_events_and_calls_both_ways() {
    let sockets = TempDir::new().unwrap();
    let sockets = sockets.path();
    let _there = node(sockets, "there", &[]);
    let _here = node(sockets, "here", &[link(sockets, "there", &json!({}))]);
    let (here, there) = (join(sockets, "here").await, join(sockets, "there").await);
    for (from, to) in [(&here, &there), (&there, &here)] {
        let mut exact = to.subscribe("com.example.a").await.unwrap();
        // What matches twice comes through once.
        let mut prefix = to.subscribe("com.example.").prefix().await.unwrap();
        lookup(from, "subscription", "com.example.a", true).await;
        lookup_prefix(from, "com.example.").await;
        let payload = Arguments::new().arg(vec![1u8, 2, 255]).arg(u64::MAX).kwarg("k", "v");
        from.publish_arguments("com.example.a", payload.clone()).await.unwrap();
        from.publish("com.example.b", "next").disclose_me().await.unwrap();
        let event = next(&mut exact).await;
        assert_eq!(event.args(), [vec![1u8, 2, 255].into(), u64::MAX.into()]);
        assert_eq!((event.kwargs().str("k"), event.publisher), (Some("v"), None));
        assert_eq!(event.forward_for.len(), 1, "{event:?}");
        assert_eq!(&*next(&mut prefix).await.topic, "com.example.a");
        let disclosed = next(&mut prefix).await;
        assert_eq!((&*disclosed.topic, disclosed.publisher), ("com.example.b", Some(from.session().id)));
        assert_eq!(disclosed.publisher_authrole.as_deref(), Some("anonymous"));
        assert!(is_quiet(&mut exact).await && is_quiet(&mut prefix).await);
        drop((exact, prefix));
        lookup(from, "subscription", "com.example.a", false).await;
        calls(from, to).await;
    }
}

#[tokio::test]
async fn a_link_joins_a_router_that_lets_in_proxies_alone() {
    let private = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";
    let public = crossweave_client::PrivateKey::from_hex(private).unwrap().public().to_hex();
    let key = format!("private-key-ed25519: {private}\n");
    let sockets = TempDir::new().unwrap();
    let sockets = sockets.path();
    let principals = json!({"node7": {"realm": "realm1", "role": "rlink", "authorized_keys": [public]}});
    let auth = json!({"cryptosign-proxy": {"type": "static", "principals": principals}});
    let endpoint = json!({"type": "unix", "path": sockets.join("links")});
    let for_links = json!({"type": "rawsocket", "endpoint": endpoint, "auth": auth});
    let _there = node_with(sockets, "there", &[], &[for_links], &[]);
    let login = json!({"auth": {"cryptosign-proxy": {}}, "authid": "node7"});
    let _here = node_with(sockets, "here", &[link(sockets, "links", &login)], &[], &[("key.priv", &key)]);
    let (here, there) = (join(sockets, "here").await, join(sockets, "there").await);
    let mut heard = there.subscribe("com.example.a").await.unwrap();
    lookup(&here, "subscription", "com.example.a", true).await;
    here.publish("com.example.a", 1).disclose_me().await.unwrap();
    let event = next(&mut heard).await;
    assert_eq!(event.publisher, Some(here.session().id), "it is a link, whose word counts");
    calls(&here, &there).await;
    let sessions =
        there.call("wamp.session.list").arg(vec![crossweave_client::Value::from("rlink")]).await.unwrap();
    let id = sessions.args()[0].as_list().unwrap()[0].as_u64().unwrap();
    let link = there.call("wamp.session.get").arg(id).await.unwrap();
    assert_eq!(link.args()[0].as_dict().unwrap().str("authid"), Some("node7"));
}

async fn lookup_prefix(client: &Client, pattern: &str) {
    let options = crossweave_client::Dict::new().with("match", "prefix");
    let asking = async {
        loop {
            let call = client.call("wamp.subscription.lookup").arg(pattern).arg(options.clone());
            if call.await.expect("anybody may ask").args()[0].as_u64().is_some() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, asking).await.expect("the pattern is mirrored");
}

async fn calls(from: &Client, to: &Client) {
    let who = |invocation: Invocation| async move {
        let authrole = invocation.caller_authrole.clone().unwrap_or_default();
        Ok(Arguments::new().arg(authrole).arg(invocation.args()))
    };
    let who = to.register_dynamic("com.example.who", who).await.unwrap();
    let fails = |_: Invocation| async {
        Err::<Arguments, _>(WampError::new("com.example.error.no").arg("not today").kwarg("code", 7))
    };
    let _fails = to.register_dynamic("com.example.fails", fails).await.unwrap();
    let counts = |invocation: Invocation| async move {
        for number in 0..3 {
            invocation.progress(Arguments::new().arg(number)).await?;
        }
        Ok(Arguments::new().arg("done"))
    };
    let _counts = to.register_dynamic("com.example.counts", counts).await.unwrap();
    for procedure in ["com.example.who", "com.example.fails", "com.example.counts"] {
        lookup(from, "registration", procedure, true).await;
    }
    let args = from.call("com.example.who").arg(5).await.unwrap().args();
    assert_eq!((args[0].as_str(), args[1].as_list()), (Some(""), Some(&[5.into()][..])));
    let args = from.call("com.example.who").disclose_me().await.unwrap().args();
    assert_eq!(args[0].as_str(), Some("anonymous"));
    match from.call("com.example.fails").await {
        Err(CallError::Application(error)) => {
            assert_eq!(
                (error.uri.as_str(), error.args[0].as_str()),
                ("com.example.error.no", Some("not today"))
            );
            assert_eq!(error.kwargs.get("code").and_then(|it| it.as_u64()), Some(7));
        }
        other => panic!("{other:?}"),
    }
    let mut results = from.call("com.example.counts").progress().await.unwrap();
    let mut seen = Vec::new();
    while let Some(reply) = results.next().await {
        seen.push(reply.unwrap().args()[0].clone());
    }
    assert_eq!(seen, [0.into(), 1.into(), 2.into(), "done".into()] as [crossweave_client::Value; 4]);
    who.unregister().await.unwrap();
    lookup(from, "registration", "com.example.who", false).await;
}

#[tokio::test]
async fn three_routers_that_are_linked_with_each_other_give_each_event_once() {
    let sockets = TempDir::new().unwrap();
    let sockets = sockets.path();
    let names = ["one", "two", "three"];
    let to = |name: &str| {
        let others = names.iter().filter(|it| **it != name);
        others.map(|other| link(sockets, other, &pulls())).collect::<Vec<_>>()
    };
    let _nodes = names.map(|name| node(sockets, name, &to(name)));
    let mut clients = Vec::new();
    let mut subscriptions = Vec::new();
    for name in names {
        let client = join(sockets, name).await;
        subscriptions.push(client.subscribe("com.example.a").await.unwrap());
        clients.push(client);
    }
    for client in &clients {
        // Its own subscriber, and the links of both others.
        subscribers(client, 3).await;
    }
    for (at, client) in clients.iter().enumerate() {
        client.publish("com.example.a", at).include_me().await.unwrap();
        for subscription in &mut subscriptions {
            assert_eq!(next(subscription).await.parse::<usize>().unwrap(), at);
        }
    }
    for subscription in &mut subscriptions {
        assert!(is_quiet(subscription).await);
    }
    // Links do not keep each other's subscriptions alive.
    drop(subscriptions);
    for client in &clients {
        lookup(client, "subscription", "com.example.a", false).await;
    }
}

/// Waits until so many are subscribed.
async fn subscribers(client: &Client, expected: u64) {
    let asking = async {
        loop {
            let found = client.call("wamp.subscription.lookup").arg("com.example.a").await.unwrap();
            let id = found.args()[0].clone();
            let count = client.call("wamp.subscription.count_subscribers").arg(id).await.unwrap();
            if count.args()[0].as_u64() == Some(expected) {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, asking).await.expect("all are subscribed");
}

#[tokio::test]
async fn a_shared_procedure_is_called_on_both_routers_and_never_in_a_circle() {
    let sockets = TempDir::new().unwrap();
    let sockets = sockets.path();
    let _there = node(sockets, "there", &[]);
    let _here = node(sockets, "here", &[link(sockets, "there", &json!({}))]);
    let (here, there) = (join(sockets, "here").await, join(sockets, "there").await);
    let mut kept = Vec::new();
    for (client, name) in [(&here, "here"), (&there, "there")] {
        let procedure = client.register("com.example.where", move |()| async move { Ok(name) });
        kept.push(procedure.invoke(InvokePolicy::RoundRobin).await.unwrap());
    }
    let mut answers = std::collections::BTreeSet::new();
    let asking = async {
        while answers.len() < 2 {
            answers.insert(here.call_with::<String>("com.example.where", ()).await.unwrap());
        }
    };
    timeout(PATIENCE, asking).await.expect("calls from here are answered here and there");
    for _ in 0..20 {
        here.call_with::<String>("com.example.where", ()).await.unwrap();
        there.call_with::<String>("com.example.where", ()).await.unwrap();
    }
}

#[tokio::test]
async fn a_link_comes_back_with_the_router_and_forwards_again() {
    let sockets = TempDir::new().unwrap();
    let sockets = sockets.path();
    let mut there = node(sockets, "there", &[]);
    let here_node = node(sockets, "here", &[link(sockets, "there", &json!({}))]);
    let (here, far) = (join(sockets, "here").await, join(sockets, "there").await);
    let _far = far.register("com.example.far", |()| async { Ok(1) }).await.unwrap();
    lookup(&here, "registration", "com.example.far", true).await;
    there.process.signal(Signal::KILL);
    there.process.end();
    lookup(&here, "registration", "com.example.far", false).await;
    let told = here_node
        .call("crossbar.worker.router.get_router_realm_link", &[json!("realm001"), json!("to_there")]);
    assert_eq!(told.unwrap()["connected"], json!(false));
    drop(there);
    let _there = node(sockets, "there", &[]);
    let far = join(sockets, "there").await;
    let _far = far.register("com.example.far", |()| async { Ok(2) }).await.unwrap();
    lookup(&here, "registration", "com.example.far", true).await;
    assert_eq!(here.call_with::<u64>("com.example.far", ()).await.unwrap(), 2);
}

#[tokio::test]
async fn what_a_link_is_not_to_forward_stays() {
    let sockets = TempDir::new().unwrap();
    let sockets = sockets.path();
    let _there = node(sockets, "there", &[]);
    let more = json!({"forward_remote_events": false, "forward_local_invocations": false,
        "exclude_authid": ["secretive"]});
    let _here = node(sockets, "here", &[link(sockets, "there", &more)]);
    let (here, there) = (join(sockets, "here").await, join(sockets, "there").await);
    let mut far = there.subscribe("com.example.a").await.unwrap();
    let mut near = here.subscribe("com.example.a").await.unwrap();
    let _far = there.register("com.example.far", |()| async { Ok(1) }).await.unwrap();
    let _near = here.register("com.example.near", |()| async { Ok(2) }).await.unwrap();
    lookup(&there, "registration", "com.example.near", true).await;
    subscribers(&here, 2).await;
    there.publish("com.example.a", "from there").await.unwrap();
    here.publish("com.example.a", "from here").await.unwrap();
    assert_eq!(next(&mut far).await.parse::<String>().unwrap(), "from here");
    assert!(is_quiet(&mut near).await);
    assert_eq!(there.call_with::<u64>("com.example.near", ()).await.unwrap(), 2);
    lookup(&here, "registration", "com.example.far", false).await;
}

#[tokio::test]
async fn a_link_logs_in_by_the_nodes_key() {
    let sockets = TempDir::new().unwrap();
    let private = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";
    let public = crossweave_client::PrivateKey::from_hex(private).unwrap().public().to_hex();
    let principals = json!({"node1": {"role": "rlink", "authorized_keys": [public]}});
    let socket = |name: &str| json!({"type": "unix", "path": sockets.path().join(name)});
    let auth = json!({"cryptosign": {"type": "static", "principals": principals}});
    let links = json!({"type": "rawsocket", "endpoint": socket("links"), "auth": auth});
    let everything = |name: &str| json!({"name": name, "allow-by-default": true});
    let realm = json!({"name": "realm1", "roles": [everything("anonymous"), everything("rlink")]});
    let there = json!([{"type": "router", "realms": [realm], "transports": [links]}]);
    let _there = Managed::start(&there, &[]);
    let transport = json!({"type": "rawsocket", "serializer": "msgpack", "endpoint": socket("links")});
    let link = json!({"realm": "realm1", "authid": "node1", "transport": transport});
    let realm = json!({"name": "realm1", "roles": [everything("anonymous")], "rlinks": [link]});
    let transport = json!({"type": "rawsocket", "endpoint": socket("here")});
    let here = json!([{"type": "router", "realms": [realm], "transports": [transport]}]);
    let key = format!("private-key-ed25519: {private}\n");
    let here = Managed::start(&here, &[("key.priv", key.as_str())]);
    let asked = [json!("realm001"), json!("rlink001")];
    here.until("the link is connected", || {
        let link = here.call("crossbar.worker.worker001.get_router_realm_link", &asked).ok()?;
        link["connected"].as_bool().filter(|it| *it)
    });
}

#[tokio::test]
async fn a_link_that_leads_back_to_its_own_realm_forwards_nothing() {
    let sockets = TempDir::new().unwrap();
    let sockets = sockets.path();
    let node = node(sockets, "here", &[]);
    let here = join(sockets, "here").await;
    let mut subscription = here.subscribe("com.example.a").await.unwrap();
    let start = "crossbar.worker.router.start_router_realm_link";
    let back = link(sockets, "here", &json!({}));
    let told = node.call(start, &[json!("realm001"), json!("back"), back]).unwrap();
    assert_eq!(told["connected"], json!(false));
    node.process.wait_for("it leads back to its own realm");
    here.publish("com.example.a", "once").include_me().await.unwrap();
    assert_eq!(next(&mut subscription).await.parse::<String>().unwrap(), "once");
    assert!(is_quiet(&mut subscription).await);
}
