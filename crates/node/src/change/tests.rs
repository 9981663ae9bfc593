use crossweave_config::{Environment, Format, parse};
use serde_json::{Value, json};

use super::*;
use crate::boot;

fn planned(workers: &Value) -> Vec<WorkerPlan> {
    let document = json!({"version": 2, "workers": workers});
    let checked = parse(&document.to_string(), Format::Json, "config.json", Environment::empty());
    let checked = checked.unwrap_or_else(|problems| panic!("{problems}"));
    boot::plan(&checked.node, &checked.document)
}

/// A router with two realms and a transport.
fn router() -> Value {
    let roles = json!([{"id": "anonymous", "name": "anonymous"}, {"id": "users", "name": "user"}]);
    let realms = json!([{"id": "r01", "name": "one", "roles": roles}, {"id": "r02", "name": "two"}]);
    let endpoint = json!({"type": "tcp", "port": 8080});
    let transports = json!([{"id": "t01", "type": "rawsocket", "endpoint": endpoint}]);
    json!({"id": "w01", "type": "router", "realms": realms, "transports": transports})
}

/// What is different, and what is done.
fn between(old: &Value, new: &Value) -> (Vec<String>, Vec<String>) {
    let plan = plan(&planned(old), &planned(new));
    let sign = |kind| match kind {
        Kind::Added => '+',
        Kind::Removed => '-',
        Kind::Changed => '~',
    };
    let differences =
        plan.differences.iter().map(|it| format!("{} {} {}", sign(it.kind), it.worker, it.what));
    (differences.collect(), plan.actions.iter().map(Action::told).collect())
}

/// The same router with a change.
fn changed(pointer: &str, value: Value) -> Value {
    let mut router = router();
    *router.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there")) = value;
    router
}

#[test]
fn what_is_the_same_is_not_touched() {
    assert_eq!(plan(&planned(&json!([router()])), &planned(&json!([router()]))), Plan::default());
}

#[test]
fn a_role_changes_as_it_runs_and_its_realm_does_not() {
    let permissions = json!([{"uri": "com.", "match": "prefix", "allow": {"call": true}}]);
    let new =
        changed("/realms/0/roles/1", json!({"id": "users", "name": "user", "permissions": permissions}));
    let (differences, actions) = between(&json!([router()]), &json!([new]));
    assert_eq!(differences, ["~ w01 realm \"one\", role \"user\""]);
    assert_eq!(actions, ["worker \"w01\": change realm \"one\", role \"user\""]);
}

#[test]
fn what_the_roles_of_a_template_may_is_a_part_of_it() {
    let may = |uri: &str| json!([{"uri": uri, "match": "prefix", "allow": {"call": true}}]);
    let with = |pointer: &str, uri: &str| {
        let role = json!({"id": "users", "name": "user", "permissions": may(uri)});
        let realm = json!({"id": "r02", "name": "two-(?P<user>[a-z]+)", "template": true, "roles": [role]});
        let template = json!({"id": "teams", "name": "team-(?P<team>[a-z]+)", "template": true, "permissions": may(uri)});
        changed(pointer, if pointer == "/realms/1" { realm } else { template })
    };
    for (pointer, realm, done) in
        [("/realms/1", "two-(?P<user>[a-z]+)", "change"), ("/realms/0/roles/1", "one", "stop")]
    {
        let (old, new) = (json!([with(pointer, "com.")]), json!([with(pointer, "org.")]));
        let (differences, actions) = between(&old, &new);
        assert_eq!(differences, [format!("~ w01 realm {realm:?}")], "{pointer}");
        assert_eq!(actions[0], format!("worker \"w01\": {done} realm {realm:?}"));
        assert_eq!(between(&old, &old), (Vec::new(), Vec::new()));
    }
}

#[test]
fn a_template_of_realms_that_changes_is_there_all_the_time() {
    let with = |name: &str, roles: Value, others: &[&str]| {
        let mut router = router();
        let mut realms: Vec<Value> = others.iter().map(|name| json!({"name": name})).collect();
        realms.push(json!({"id": "users", "name": name, "template": true, "roles": roles}));
        router["realms"] = realms.into();
        json!([router])
    };
    let old = with("u-[a-z]+", json!([]), &["one"]);
    for (name, roles) in [("u-[a-z]+", json!([{"name": "anonymous"}])), ("u-[b-z]+", json!([]))] {
        // A realm takes the place of one that the template has started.
        let new = with(name, roles, &["one", "u-ann"]);
        let (differences, actions) = between(&old, &new);
        assert_eq!(differences, [format!("~ w01 realm {name:?}"), "+ w01 realm \"u-ann\"".to_owned()]);
        let change = format!("worker \"w01\": change realm {name:?}");
        assert_eq!(actions, [change, "worker \"w01\": start realm \"u-ann\"".to_owned()]);
        let mut steps = planned(&old)[0].steps.clone();
        for action in plan(&planned(&old), &planned(&new)).actions {
            action.keep(&mut steps);
        }
        let now = steps.iter().find(|it| it.start.id() == "users").expect("it is there");
        assert_eq!(now.start.config()["name"], name);
        assert_eq!(steps.len(), planned(&new)[0].steps.len());
    }
    // What is none any more ends, and what becomes one begins.
    let mut none = old.clone();
    none[0]["realms"][1] = json!({"id": "users", "name": "two"});
    let both = |name: &str, other: &str| {
        [format!("worker \"w01\": stop realm {name:?}"), format!("worker \"w01\": start realm {other:?}")]
    };
    assert_eq!(between(&old, &none).1, both("u-[a-z]+", "two"));
    assert_eq!(between(&none, &old).1, both("two", "u-[a-z]+"));
}

#[test]
fn roles_come_and_go_alone() {
    let new = changed("/realms/0/roles/1", json!({"id": "guests", "name": "guest"}));
    let (differences, actions) = between(&json!([router()]), &json!([new]));
    assert_eq!(differences, ["- w01 realm \"one\", role \"user\"", "+ w01 realm \"one\", role \"guest\""]);
    assert_eq!(
        actions,
        [
            "worker \"w01\": stop realm \"one\", role \"user\"",
            "worker \"w01\": start realm \"one\", role \"guest\""
        ]
    );
}

#[test]
fn a_realm_takes_its_roles_with_it_and_gets_them_back() {
    let mut new = router();
    new["realms"][0]["options"] = json!({"enable_meta_api": false});
    let (differences, actions) = between(&json!([router()]), &json!([new]));
    assert_eq!(differences, ["~ w01 realm \"one\""]);
    assert_eq!(
        actions,
        [
            "worker \"w01\": stop realm \"one\"",
            "worker \"w01\": start realm \"one\"",
            "worker \"w01\": start realm \"one\", role \"anonymous\"",
            "worker \"w01\": start realm \"one\", role \"user\"",
        ]
    );
    let mut gone = router();
    gone["realms"].as_array_mut().unwrap().remove(0);
    let (differences, actions) = between(&json!([router()]), &json!([gone]));
    assert_eq!(
        (&differences[..], &actions[..]),
        (&["- w01 realm \"one\"".to_owned()][..], &["worker \"w01\": stop realm \"one\"".to_owned()][..])
    );
    let (differences, actions) = between(&json!([gone]), &json!([router()]));
    assert_eq!(differences.len(), 3);
    assert_eq!(actions[0], "worker \"w01\": start realm \"one\"");
}

#[test]
fn what_a_role_is_trusted_with_belongs_to_its_realm() {
    let new = changed("/realms/0/roles/1", json!({"id": "users", "name": "user", "trustlevel": 3}));
    let (differences, _) = between(&json!([router()]), &json!([new]));
    assert_eq!(differences, ["~ w01 realm \"one\""]);
}

#[test]
fn ports_are_free_before_they_are_taken() {
    let mut other = router();
    other["id"] = json!("w02");
    other["realms"] = json!([]);
    let mut moved = router();
    moved["transports"] = json!([]);
    // The transport moves from one worker to the other, and the third worker goes.
    let third = json!({"id": "w03", "type": "router"});
    let mut empty = other.clone();
    empty["transports"] = json!([]);
    let old = json!([router(), empty, third]);
    let (_, actions) = between(&old, &json!([moved, other]));
    assert_eq!(
        actions,
        [
            "stop worker \"w03\"",
            "worker \"w01\": stop transport \"t01\"",
            "worker \"w02\": start transport \"t01\"",
        ]
    );
}

#[test]
fn a_transport_that_changes_is_stopped_and_started() {
    let new = changed("/transports/0/endpoint/port", json!(9090));
    let (differences, actions) = between(&json!([router()]), &json!([new]));
    assert_eq!(differences, ["~ w01 transport \"t01\""]);
    assert_eq!(
        actions,
        ["worker \"w01\": stop transport \"t01\"", "worker \"w01\": start transport \"t01\""]
    );
}

#[test]
fn workers_come_and_go_and_options_start_them_again() {
    let mut new = router();
    new["options"] = json!({"title": "other"});
    let (differences, actions) = between(&json!([router()]), &json!([new]));
    assert_eq!(differences, ["~ w01 "]);
    assert_eq!(actions, ["stop worker \"w01\"", "start worker \"w01\""]);
    let (differences, actions) = between(&json!([]), &json!([router()]));
    assert_eq!((differences, actions), (vec!["+ w01 ".to_owned()], vec!["start worker \"w01\"".to_owned()]));
}

#[test]
fn steps_stay_true_and_in_the_order_of_the_boot() {
    let mut new = router();
    new["realms"][0]["options"] = json!({"enable_meta_api": false});
    new["realms"][1] = json!({"id": "r03", "name": "three"});
    new["realms"][0]["roles"] = json!([{"id": "guests", "name": "guest"}]);
    new["transports"][0]["endpoint"]["port"] = json!(9090);
    let (old, new) = (planned(&json!([router()])), planned(&json!([new])));
    let mut steps = old[0].steps.clone();
    for action in plan(&old, &new).actions {
        action.keep(&mut steps);
    }
    let sorted = |steps: &[Step]| {
        let mut texts: Vec<String> = steps.iter().map(|it| format!("{:?}", it.start)).collect();
        texts.sort();
        texts
    };
    assert_eq!(sorted(&steps), sorted(&new[0].steps));
    let at = |what: &str| steps.iter().position(|it| it.what == what).unwrap();
    assert!(at("realm \"one\"") < at("realm \"one\", role \"guest\""));
    assert!(at("realm \"three\"") < at("transport \"t01\""));
}

/// Workers with one of everything that can be started.
fn everything() -> Value {
    let endpoint = json!({"type": "unix", "path": "router"});
    let transport = json!({"type": "rawsocket", "serializer": "json", "endpoint": endpoint});
    let component = json!({"type": "class", "classname": "a.B", "realm": "one", "transport": transport});
    let mut with_component = router();
    with_component["components"] =
        json!([{"type": "class", "classname": "a.B", "realm": "one", "role": "user"}]);
    with_component["realms"].as_array_mut().unwrap().push(json!({"name": "team-(?P<team>[a-z]+)",
        "template": true, "roles": [{"name": "anonymous"}]}));
    with_component["realms"][0]["rlinks"] = json!([{"realm": "two", "transport": transport}]);
    let testee = json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 9001}});
    let proxy = json!({"type": "proxy", "connections": {"conn1": {"transport": transport}},
        "routes": {"one": {"anonymous": "conn1"}},
        "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 9002}}]});
    json!([with_component, {"type": "container", "components": [component]},
        {"type": "hostmonitor", "options": {"monitors": {"cpu": true}}},
        {"type": "websocket-testee", "transport": testee}, proxy])
}

#[test]
fn every_call_has_the_arguments_of_its_procedure() {
    let plans = planned(&everything());
    let mut kinds = std::collections::BTreeSet::new();
    for (worker, step) in plans.iter().flat_map(|plan| plan.steps.iter().map(|step| (&plan.id, step))) {
        let worker = worker.clone();
        let step = step.clone();
        let change = step.start.change().is_some();
        let mut actions = vec![
            Action::Take { worker: worker.clone(), step: step.clone() },
            Action::Undo { worker: worker.clone(), step: step.clone() },
        ];
        actions.extend(change.then_some(Action::Change { worker, step }));
        for action in actions {
            let (_, call) = action.call().expect("it is a call");
            let contract = crossweave_api::procedures().find(|it| it.name == call.procedure());
            let contract = contract.expect("there is one");
            let known: Vec<&str> = contract.arguments.iter().map(|it| it.name).collect();
            let given: Vec<&str> = call.arguments().as_object().unwrap().keys().map(String::as_str).collect();
            assert!(given.iter().all(|it| known.contains(it)), "{}: {given:?}", call.procedure());
            let needed =
                contract.arguments.iter().filter(|it| !it.attributes.iter().any(|it| it.contains("default")));
            for argument in needed {
                assert!(
                    given.contains(&argument.name),
                    "{}: {} is not given",
                    call.procedure(),
                    argument.name
                );
            }
            kinds.insert(call.procedure());
        }
    }
    assert_eq!(kinds.len(), 24, "{kinds:?}");
}

#[test]
fn nothing_is_done_to_workers_of_any_type_that_are_the_same() {
    assert_eq!(plan(&planned(&everything()), &planned(&everything())), Plan::default());
}

#[test]
fn a_realm_is_the_same_when_its_place_is_another() {
    let realm = |name: &str| json!({"name": name, "roles": [{"name": "anonymous"}]});
    let transport = |port: u16| json!({"type": "rawsocket", "endpoint": {"type": "tcp", "port": port}});
    let worker = |realms: Value, transports: Value| json!([{"type": "router", "realms": realms, "transports": transports}]);
    let old = worker(json!([realm("one"), realm("two")]), json!([transport(1000), transport(2000)]));
    let new = worker(json!([realm("zero"), realm("two"), realm("one")]), json!([transport(2000)]));
    let (differences, actions) = between(&old, &new);
    assert_eq!(
        differences,
        [
            "- worker001 transport \"transport001\"",
            "+ worker001 realm \"zero\"",
            "+ worker001 realm \"zero\", role \"anonymous\"",
        ]
    );
    assert_eq!(actions.len(), 3, "{actions:?}");
    // What was kept is kept again.
    let mut running = planned(&old);
    for action in plan(&running, &planned(&new)).actions {
        action.keep(&mut running[0].steps);
    }
    assert_eq!(plan(&running, &planned(&new)), Plan::default());
    let ids: Vec<&str> = running[0].steps.iter().filter(|it| is_realm(it)).map(|it| it.start.id()).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(!ids[1..].contains(&ids[0]) && ids[1] != ids[2], "{ids:?}");
}

#[test]
fn a_role_with_another_name_is_another_role() {
    let worker =
        |role: &str| json!([{"type": "router", "realms": [{"name": "one", "roles": [{"name": role}]}]}]);
    let (_, actions) = between(&worker("user"), &worker("guest"));
    assert_eq!(
        actions,
        [
            "worker \"worker001\": stop realm \"one\", role \"user\"",
            "worker \"worker001\": start realm \"one\", role \"guest\""
        ]
    );
}

#[test]
fn a_link_changes_without_its_realm() {
    let link = |path: &str| {
        let endpoint = json!({"type": "unix", "path": path});
        let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
        json!({"id": "link1", "realm": "two", "transport": transport})
    };
    let linked = |path: &str| {
        let mut router = router();
        router["realms"][1]["rlinks"] = json!([link(path)]);
        router
    };
    let (differences, actions) = between(&json!([router()]), &json!([linked("a")]));
    assert_eq!(differences, ["+ w01 realm \"two\", link \"link1\""]);
    assert_eq!(actions, ["worker \"w01\": start realm \"two\", link \"link1\""]);
    let (differences, actions) = between(&json!([linked("a")]), &json!([linked("b")]));
    assert_eq!(differences, ["~ w01 realm \"two\", link \"link1\""]);
    let what = "realm \"two\", link \"link1\"";
    assert_eq!(actions, [format!("worker \"w01\": stop {what}"), format!("worker \"w01\": start {what}")]);
}

#[test]
fn routes_and_connections_of_a_proxy_are_what_their_keys_say() {
    let endpoint = json!({"type": "unix", "path": "router"});
    let connection = json!({"transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint}});
    let proxy = |names: &[&str], realms: &[&str]| {
        let connections: serde_json::Map<_, _> =
            names.iter().map(|name| (name.to_string(), connection.clone())).collect();
        let routes: serde_json::Map<_, _> =
            realms.iter().map(|realm| (realm.to_string(), json!({"user": names[0]}))).collect();
        json!([{"id": "w01", "type": "proxy", "connections": connections, "routes": routes}])
    };
    // What is written the same below another key is something else.
    let (differences, _) = between(&proxy(&["conn1"], &["one"]), &proxy(&["conn1", "conn2"], &["two"]));
    let expected =
        ["- w01 route to realm \"one\"", "+ w01 connection \"conn2\"", "+ w01 route to realm \"two\""];
    assert_eq!(differences, expected);
    let plan = plan(&planned(&proxy(&["conn1"], &["one"])), &planned(&proxy(&["conn1"], &["two"])));
    let (_, call) = plan.actions[0].call().expect("it is a call");
    assert_eq!(call.procedure(), "stop_proxy_realm_route");
    assert_eq!(call.arguments(), &json!({"realm_name": "one", "route_id": "route000"}));
}

#[test]
fn a_router_with_several_templates_is_told_their_order_before_it_gets_them() {
    let template = |name: &str| json!({"name": name, "template": true});
    let worker = |names: &[&str]| {
        let realms: Vec<Value> = names.iter().map(|name| template(name)).collect();
        json!([{"type": "router", "realms": realms}])
    };
    let order = "worker \"worker001\": change order of realm templates";
    let start = |name: &str| format!("worker \"worker001\": start realm {name:?}");
    let (_, actions) = between(&worker(&["b-[a-z]+"]), &worker(&["a-[a-z]+", "b-[a-z]+"]));
    assert_eq!(actions, ["worker \"worker001\": start order of realm templates", &start("a-[a-z]+")]);
    let (_, actions) =
        between(&worker(&["a-[a-z]+", "b-[a-z]+"]), &worker(&["c-[a-z]+", "a-[a-z]+", "b-[a-z]+"]));
    assert_eq!(actions, [order, &start("c-[a-z]+")]);
    let (old, new) =
        (planned(&worker(&["a-[a-z]+", "b-[a-z]+"])), planned(&worker(&["b-[a-z]+", "a-[a-z]+"])));
    let changes = plan(&old, &new).actions;
    assert_eq!(changes.iter().map(Action::told).collect::<Vec<_>>(), [order]);
    // Ids that nobody has written stay those of before, and so they are in the order.
    let (_, call) = changes[0].call().expect("it is a call");
    assert_eq!(call.arguments(), &json!({"realm_ids": ["realm002", "realm001"]}));
    let (_, actions) = between(&worker(&["a-[a-z]+", "b-[a-z]+"]), &worker(&["b-[a-z]+"]));
    assert_eq!(actions.len(), 2, "{actions:?}");
}

#[test]
fn a_realm_or_role_of_another_name_is_another_one() {
    let role = |name: &str| json!({"name": name});
    let worker = |realm: &str, name: &str| json!([{"type": "router", "id": "rtr", "realms": [{"name": "one"}, {"name": realm, "roles": [role(name)]}]}]);
    let (differences, actions) = between(&worker("two", "a"), &worker("three", "a"));
    let expected = ["- rtr realm \"two\"", "+ rtr realm \"three\"", "+ rtr realm \"three\", role \"a\""];
    assert_eq!(differences, expected);
    assert_eq!(actions.len(), 3, "{actions:?}");
    let (differences, _) = between(&worker("two", "a"), &worker("two", "b"));
    assert_eq!(differences, ["- rtr realm \"two\", role \"a\"", "+ rtr realm \"two\", role \"b\""]);
}

#[test]
fn the_order_of_templates_is_told_only_if_those_that_stay_change_places() {
    let worker = |names: &[&str]| {
        let realms: Vec<Value> = names.iter().map(|name| json!({"name": name, "template": true})).collect();
        json!([{"type": "router", "id": "rtr", "realms": realms}])
    };
    let told = |before: &[&str], now: &[&str]| between(&worker(before), &worker(now)).0;
    let [a, b, c] = ["a-[a-z]+", "b-[a-z]+", "c-[a-z]+"];
    assert_eq!(told(&[b], &[a, b]), [format!("+ rtr realm {a:?}")]);
    assert_eq!(told(&[a, b], &[a, b, c]), [format!("+ rtr realm {c:?}")]);
    assert_eq!(told(&[a, b, c], &[a, c]), [format!("- rtr realm {b:?}")]);
    assert_eq!(told(&[a, b], &[b]), [format!("- rtr realm {a:?}")]);
    assert_eq!(told(&[a, b], &[b, a]), ["~ rtr order of realm templates"]);
    let both = told(&[a, b], &[b, c, a]);
    assert_eq!(both, ["~ rtr order of realm templates".to_owned(), format!("+ rtr realm {c:?}")]);
}

#[test]
fn what_is_started_gets_no_id_of_what_a_client_has_started() {
    let template = json!({"name": "u-[a-z]+", "template": true});
    let teams = json!({"name": "team-[a-z]+", "template": true});
    let worker = |realms: Value| planned(&json!([{"type": "router", "realms": realms}]));
    let old = worker(json!([template, {"name": "one", "roles": [teams]}]));
    let new = worker(json!([template, {"name": "one", "roles": [teams, {"name": "user"}]}, {"name": "two"}]));
    let other = |realm: Option<&str>, id: &str| Other { realm: realm.map(str::to_owned), id: id.to_owned() };
    let others =
        vec![other(None, "realm003"), other(Some("realm002"), "role002"), other(Some("realm009"), "role003")];
    let plan = plan_beside(&old, &new, &Others::from([("worker001".to_owned(), others)]));
    let [Action::Take { step: role, .. }, Action::Take { step: realm, .. }] = &plan.actions[..] else {
        panic!("{:?}", plan.actions)
    };
    assert_eq!((role.start.realm(), realm.what.as_str()), (Some("realm002"), "realm \"two\""));
    assert_ne!(role.start.id(), "role002");
    assert!(!["realm001", "realm002", "realm003"].contains(&realm.start.id()), "{realm:?}");
}
