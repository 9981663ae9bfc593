//! Templates of realms whose configuration changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossweave_client::{Client, Options, Reconnect};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Changing, role};
use crate::background::{Background, PATIENCE, crossweave, run};
use crate::node::Node;

#[test]
fn templates_are_changed_and_removed() {
    let mut it = Changing::new();
    let template =
        json!({"name": "^u-(?P<user>[a-z0-9]+)$", "template": true, "roles": [role("anonymous", true)]});
    it.router()["realms"].as_array_mut().unwrap().push(template);
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    assert!(it.reaches("a.sock", "u-ann"));
    let applies = |it: &Changing, sign: &str| {
        it.write();
        let applied = it.of(&["apply"]);
        assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
        assert!(applied.stdout.starts_with(sign), "{}", applied.stdout);
        applied.stdout
    };
    it.router()["realms"][2]["activation"] = json!({"idle_timeout": 1});
    let told = applies(&it, "~ worker worker001: realm \"^u-");
    assert!(told.contains(": change realm \"^u-") && !told.contains(": stop realm"), "{told}");
    assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"));
    assert!(it.reaches("a.sock", "u-joe"));
    it.router()["realms"][2]["roles"][0] = role("anonymous", false);
    applies(&it, "~ worker worker001: realm \"^u-");
    assert!(!it.reaches("a.sock", "u-ann") && !it.reaches("a.sock", "u-eve"), "nobody may call any more");
    it.router()["realms"].as_array_mut().unwrap().pop();
    applies(&it, "- worker worker001: realm \"^u-");
    let url = it.url("a.sock");
    let refused = run(&["pub", "com.a", "1", "--ack", "--url", &url, "--realm", "u-new"]);
    assert!(refused.stderr.contains("wamp.error.no_such_realm"), "{}", refused.stderr);
}

#[test]
fn templates_are_tried_in_the_order_of_the_new_configuration() {
    let mut it = Changing::new();
    let users = json!({"name": "^u-(?P<user>[a-z]+)$", "template": true, "roles": [role("anonymous", true)]});
    it.router()["realms"].as_array_mut().unwrap().push(users);
    it.write();
    let node = Node::start_in(it.folder(), &[], 2);
    assert!(it.reaches("a.sock", "u-ann") && it.reaches("a.sock", "u-bob"));
    // It matches what the other one does, too, and stands before it.
    let closed =
        json!({"name": "^u-b(?P<user>[a-z]+)$", "template": true, "roles": [role("anonymous", false)]});
    it.router()["realms"].as_array_mut().unwrap().insert(0, closed);
    it.write();
    let applies = |it: &Changing, differences: &[&str]| {
        let applied = it.of(&["apply"]);
        assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
        let told: Vec<&str> = applied.stdout.lines().take_while(|line| *line != "done:").collect();
        assert_eq!(told, differences, "{}", applied.stdout);
        let again = it.of(&["apply"]);
        assert!(again.stdout.starts_with("nothing to do"), "{}", again.stdout);
    };
    applies(&it, &["+ worker worker001: realm \"^u-b(?P<user>[a-z]+)$\""]);
    assert!(it.reaches("a.sock", "u-bob"), "what runs stays as it is");
    assert!(!it.reaches("a.sock", "u-bea") && it.reaches("a.sock", "u-cid"));

    it.router()["realms"].as_array_mut().unwrap().rotate_left(1);
    it.write();
    applies(&it, &["~ worker worker001: order of realm templates"]);
    assert!(it.reaches("a.sock", "u-ben"), "the other one comes first now");
    it.router()["realms"].as_array_mut().unwrap().rotate_right(1);
    it.write();
    applies(&it, &["~ worker worker001: order of realm templates"]);
    assert!(!it.reaches("a.sock", "u-bud"));

    // A router that comes back has the order that was applied last.
    kill_process(Pid::from_raw(it.worker_pid()).unwrap(), Signal::KILL).unwrap();
    while !node.process.line().contains("runs again") {}
    assert!(!it.reaches("a.sock", "u-bix") && it.reaches("a.sock", "u-cleo"));
}

#[test]
fn what_is_added_stands_beside_what_clients_have_started() {
    let mut it = Changing::new();
    let mut team = role("^team-(?P<team>[a-z]+)$", true);
    team["template"] = json!(true);
    it.router()["realms"] = json!([
        {"name": "one", "roles": [team]},
        {"name": "^u-(?P<user>[a-z]+)$", "template": true, "roles": [team]},
    ]);
    it.router()["transports"][0]["auth"] = json!({"anonymous": {"type": "static", "role": "team-red"}});
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    assert!(it.reaches("a.sock", "one") && it.reaches("a.sock", "u-ann") && it.reaches("a.sock", "u-bob"));
    // The numbers of these places are those of a role and of a realm that clients have started.
    it.router()["realms"][0]["roles"].as_array_mut().unwrap().push(role("anonymous", true));
    it.router()["realms"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "two", "roles": [role("anonymous", true)]}));
    it.write();
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    assert!(it.reaches("b.sock", "one") && it.reaches("b.sock", "two") && it.reaches("a.sock", "u-ann"));
    assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"));
}

#[test]
fn a_realm_that_is_added_takes_the_place_of_one_that_clients_have_started() {
    let mut it = Changing::new();
    let template =
        json!({"name": "^u-(?P<user>[a-z]+)$", "template": true, "roles": [role("anonymous", true)]});
    it.router()["realms"].as_array_mut().unwrap().push(template);
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    let url = it.url("a.sock");
    let sub = Background::start(crossweave().args(["sub", "com.a", "--realm", "u-ann", "--url", &url]));
    sub.wait_for("subscribed");
    let realms = it.router()["realms"].as_array_mut().unwrap();
    realms.push(json!({"name": "u-ann", "roles": [role("anonymous", false)]}));
    it.write();
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    sub.wait_for("wamp.close.close_realm");
    assert!(!it.reaches("a.sock", "u-ann") && it.reaches("a.sock", "u-bob"), "it has roles of its own");
    assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"));
    it.router()["realms"].as_array_mut().unwrap().pop();
    it.write();
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    assert!(it.reaches("a.sock", "u-ann"), "the template has it again");
}

#[test]
fn a_role_that_is_added_takes_the_place_of_one_that_a_client_has_started() {
    let mut it = Changing::new();
    let mut team = role("^team-(?P<team>[a-z]+)$", true);
    team["template"] = json!(true);
    it.router()["realms"][0]["roles"] = json!([team]);
    it.router()["transports"][0]["auth"] = json!({"anonymous": {"type": "static", "role": "team-red"}});
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    let url = it.url("a.sock");
    let mut sub = Background::start(
        crossweave().args(["sub", "com.a", "--count", "1", "--realm", "one", "--url", &url]),
    );
    sub.wait_for("subscribed");
    let permissions = json!([{"uri": "com.a", "allow": {"publish": true}}]);
    let red = json!({"name": "team-red", "permissions": permissions});
    it.router()["realms"][0]["roles"].as_array_mut().unwrap().push(red);
    it.write();
    let applied = it.of(&["apply"]);
    assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
    assert!(!it.reaches("a.sock", "one"), "what the configuration says of the role counts");
    run(&["pub", "com.a", "still", "--ack", "--realm", "one", "--url", &url]);
    assert!(sub.line().contains("still"), "its sessions go on");
    assert_eq!(sub.end(), Some(0));
    assert!(it.of(&["apply"]).stdout.starts_with("nothing to do"));
}

/// Joins realms of a template, one after the other, until it is over; why one could not be joined.
async fn join_all_the_time(
    url: String,
    client: usize,
    is_over: Arc<AtomicBool>,
    joined: Arc<AtomicUsize>,
) -> Result<(), String> {
    let mut round = 0;
    while !is_over.load(Ordering::Relaxed) {
        // Some have a realm of their own, and others meet on one.
        let name =
            if client.is_multiple_of(2) { format!("u-{client}") } else { format!("u-of{}", client % 7) };
        let options = Options { reconnect: Reconnect::Off, ..Options::default() };
        let joining = timeout(PATIENCE, Client::connect_with(&url, &name, options)).await;
        let session = joining.map_err(|_| format!("{name}: no answer, in round {round}"))?;
        session.map_err(|why| format!("{name}, in round {round}: {why}"))?.leave().await;
        joined.fetch_add(1, Ordering::Relaxed);
        round += 1;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_join_while_a_template_changes_find_a_realm_all_the_time() {
    const CLIENTS: usize = 100;
    let mut it = Changing::new();
    let template = json!({"name": "^u-(?P<user>[a-z0-9]+)$", "template": true, "roles": [role("anonymous", true)],
        "activation": {"max_rate": 10_000, "idle_timeout": 1}});
    it.router()["realms"].as_array_mut().unwrap().push(template);
    it.write();
    let _node = Node::start_in(it.folder(), &[], 2);
    let (is_over, joined) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(join_all_the_time(it.url("a.sock"), client, is_over.clone(), joined.clone()));
    }
    for may in [false, true, false] {
        let before = joined.load(Ordering::Relaxed);
        it.router()["realms"][2]["roles"][0] = role("anonymous", may);
        // A name that all of them match, too.
        let pattern = if may { "^u-(?P<user>[a-z0-9]+)$" } else { "^u-(?P<name>[a-z0-9]{1,9})$" };
        it.router()["realms"][2]["name"] = json!(pattern);
        it.write();
        let applied = tokio::task::block_in_place(|| it.of(&["apply"]));
        assert_eq!(applied.code, Some(0), "{}{}", applied.stdout, applied.stderr);
        assert!(joined.load(Ordering::Relaxed) > before, "nobody has joined meanwhile");
        for realm in ["u-0", "u-of1", "u-new"] {
            let reaches = tokio::task::block_in_place(|| it.reaches("a.sock", realm));
            assert_eq!(reaches, may, "{realm} is one of the template of before");
        }
    }
    is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        assert_eq!(ended.expect("no client panics"), Ok(()));
    }
}
