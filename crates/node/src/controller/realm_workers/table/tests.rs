use crossweave_config::{Environment, Format, parse};
use serde_json::json;

use super::*;
use crate::boot;

/// A template `tool` for realms such as `realm-joe`, at most two at a time.
fn template() -> WorkerPlan {
    let tool = json!({"type": "guest", "id": "tool", "template": "realm", "realm": "realm-(?P<user>.+)",
        "max_workers": 2, "executable": "tool", "arguments": ["{user}"]});
    let document = json!({"version": 2, "workers": [tool]});
    let checked = parse(&document.to_string(), Format::Json, "config.json", Environment::empty());
    let checked = checked.unwrap_or_else(|problems| panic!("{problems}"));
    boot::plan(&checked.node, &checked.document).remove(0)
}

fn free(_: &str) -> bool {
    false
}

fn begun(table: &mut Table, realm_id: &str, name: &str) -> Vec<Result<Order, Refusal>> {
    table.expect("router", realm_id, name);
    table.begin("router", realm_id, &free)
}

/// The worker of the only order.
fn only(orders: Vec<Result<Order, Refusal>>) -> (String, Order) {
    let [Ok(order)] = <[_; 1]>::try_from(orders).expect("one order") else { panic!("refused") };
    let id = order.wanted.borrow().as_ref().expect("it is wanted").plan.id.clone();
    (id, order)
}

#[test]
fn a_realm_that_matches_gets_a_worker_of_its_own_until_it_ends() {
    let mut table = Table::default();
    assert!(table.add(template(), &free).is_empty());
    assert!(begun(&mut table, "realm002", "public").is_empty());
    let (id, joe) = only(begun(&mut table, "realm003", "realm-joe"));
    assert_eq!(id, "tool_realm_joe");
    assert_eq!(joe.wanted.borrow().as_ref().unwrap().plan.options["arguments"], json!(["joe"]));
    assert!(!table.close(&joe.place), "it is wanted");
    table.end("router", Some("realm002"));
    table.end("elsewhere", Some("realm003"));
    assert!(joe.wanted.borrow().is_some());
    table.end("router", Some("realm003"));
    assert!(joe.wanted.borrow().is_none());
    assert!(table.close(&joe.place));
}

#[test]
fn a_realm_that_ends_before_it_has_begun_gets_none() {
    let mut table = Table::default();
    table.add(template(), &free);
    table.expect("router", "realm003", "realm-joe");
    table.end("router", None);
    assert!(table.begin("router", "realm003", &free).is_empty());
}

#[test]
fn a_realm_that_is_there_again_keeps_its_place_and_the_end_of_the_first_is_not_its_own() {
    let mut table = Table::default();
    table.add(template(), &free);
    let (_, joe) = only(begun(&mut table, "realm003", "realm-joe"));
    let first = joe.wanted.borrow().as_ref().unwrap().run;
    assert!(begun(&mut table, "realm004", "realm-joe").is_empty(), "its task is there");
    table.end("router", Some("realm003"));
    let wanted = joe.wanted.borrow().clone().expect("by the second");
    assert_ne!(wanted.run, first);
    assert_eq!(wanted.plan.id, "tool_realm_joe");
    assert!(!table.close(&joe.place));
}

#[test]
fn workers_of_a_template_are_bounded_and_a_place_that_is_closed_is_free() {
    let mut table = Table::default();
    table.add(template(), &free);
    let (_, joe) = only(begun(&mut table, "realm003", "realm-joe"));
    only(begun(&mut table, "realm004", "realm-ann"));
    let refused = begun(&mut table, "realm005", "realm-bob").pop().unwrap().unwrap_err().to_string();
    assert!(refused.contains("realm-bob") && refused.contains("`max_workers`"), "{refused}");
    table.end("router", Some("realm003"));
    assert!(begun(&mut table, "realm006", "realm-eve").pop().unwrap().is_err(), "it has not ended yet");
    assert!(table.close(&joe.place));
    only(begun(&mut table, "realm007", "realm-eve"));
}

#[test]
fn ids_are_made_of_the_realm_and_differ() {
    let mut table = Table::default();
    table.add(WorkerPlan { template: template().template, ..template() }, &free);
    let (one, _) = only(begun(&mut table, "realm003", "realm-A.b@c"));
    assert_eq!(one, "tool_realm_a_b_c");
    let (two, joe) = only(begun(&mut table, "realm004", "realm-a-b-c"));
    assert_eq!(two, "tool_realm_a_b_c_2");
    assert!(table.close(&joe.place) || joe.wanted.borrow().is_some());
    let mut table = Table::default();
    table.add(template(), &free);
    table.expect("router", "realm003", &format!("realm-{}", "x".repeat(200)));
    let is_taken = |id: &str| !id.ends_with("_2");
    let (long, _) = only(table.begin("router", "realm003", &is_taken));
    assert!(long.len() == ID_LEN_MAX && long.ends_with("x_2"), "{long}");
}

#[test]
fn a_template_counts_for_realms_that_run_already_and_its_end_for_all_of_its_workers() {
    let mut table = Table::default();
    begun(&mut table, "realm003", "realm-joe");
    table.expect("router", "realm004", "realm-not-yet");
    let (_, joe) = only(table.add(template(), &free));
    assert_eq!(joe.place.realm, "realm-joe");
    assert_eq!(table.templates().len(), 1);
    assert_eq!(table.remove("tool").expect("it is there").len(), 1);
    assert!(joe.wanted.borrow().is_none() && table.remove("tool").is_none());
}

#[test]
fn what_is_misleading_is_refused_and_after_the_end_nothing_is_wanted() {
    let mut table = Table::default();
    table.add(template(), &free);
    let refused = begun(&mut table, "realm003", "realm--rf").pop().unwrap().unwrap_err().to_string();
    assert!(refused.contains("\"-rf\""), "{refused}");
    let (_, joe) = only(begun(&mut table, "realm004", "realm-joe"));
    assert_eq!(table.clear().len(), 1);
    assert!(joe.wanted.borrow().is_none());
    assert!(begun(&mut table, "realm005", "realm-ann").is_empty());
}
