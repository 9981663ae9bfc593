//! What is the same thing on both sides.
//!
//! Ids that nobody has written are numbers of places: `realm002` is the second realm. When one is put before it, it is still the
//! same realm, and its sessions are not to notice. So realms and roles are known by their names, and other things by what they are.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::is_realm;
use crate::boot::{Step, WorkerPlan};

/// `new` with the ids that `old` has for the same things. Ids that are written stay.
pub(super) fn keep_ids(old: &WorkerPlan, new: &WorkerPlan) -> WorkerPlan {
    let mut kept = new.clone();
    let mut realms = HashMap::new();
    assign(&old.steps, kept.steps.iter_mut().filter(|step| is_realm(step)).collect(), &mut realms);
    let mut others: Vec<&mut Step> = kept.steps.iter_mut().filter(|step| !is_realm(step)).collect();
    for step in &mut others {
        let realm = step.arguments.get("realm_id").and_then(Json::as_str).and_then(|id| realms.get(id));
        if let Some(realm) = realm {
            step.arguments["realm_id"] = json!(realm);
        }
    }
    assign(&old.steps, others, &mut HashMap::new());
    kept
}

/// Gives these steps their ids. `told` learns which had which.
fn assign(old: &[Step], steps: Vec<&mut Step>, told: &mut HashMap<String, String>) {
    let mut taken: Vec<(String, String)> = Vec::new();
    let mut strangers = Vec::new();
    for step in steps {
        let own = own_id(step);
        let before = step.arguments[own].as_str().unwrap_or_default().to_owned();
        let is_written = step.arguments["config"].get("id").is_some() || is_a_key(step);
        let known = old.iter().find(|it| is_alike(it, step)).and_then(|it| it.arguments[own].as_str());
        match (is_written, known) {
            (true, _) => {}
            (false, Some(id)) => step.arguments[own] = json!(id),
            (false, None) => {
                strangers.push((own, before, step));
                continue;
            }
        }
        let id = step.arguments[own].as_str().unwrap_or_default().to_owned();
        told.insert(before, id.clone());
        taken.push((scope(step), id));
    }
    for (own, before, step) in strangers {
        let scope = scope(step);
        let is_free = |id: &String| !taken.contains(&(scope.clone(), id.clone()));
        let stem = before.trim_end_matches(|it: char| it.is_ascii_digit());
        let numbered = (1..).map(|number| format!("{stem}{number:03}"));
        let id = std::iter::once(before.clone()).chain(numbered).find(is_free).expect("numbers do not end");
        step.arguments[own] = json!(id);
        told.insert(before, id.clone());
        taken.push((scope, id));
    }
}

/// Within what its id is unique.
fn scope(step: &Step) -> String {
    let realm = if is_realm(step) { "" } else { step.arguments["realm_id"].as_str().unwrap_or_default() };
    format!("{} {realm}", step.procedure)
}

/// The argument that is its own id, and not that of its realm.
fn own_id(step: &Step) -> &'static str {
    match step.procedure {
        "start_router_realm" => "realm_id",
        "start_router_realm_role" => "role_id",
        "start_router_realm_link" => "link_id",
        "start_router_transport" | "start_proxy_transport" => "transport_id",
        "start_proxy_connection" => "connection_id",
        "start_proxy_realm_route" => "realm_name",
        _ => "id",
    }
}

/// Whether its id is a key of the configuration, which somebody has written.
fn is_a_key(step: &Step) -> bool {
    matches!(step.procedure, "start_proxy_connection" | "start_proxy_realm_route")
}

/// Whether both are about the same thing, whatever its id.
fn is_alike(old: &Step, new: &Step) -> bool {
    let (before, now) = (&old.arguments["config"], &new.arguments["config"]);
    let is_named = matches!(new.procedure, "start_router_realm" | "start_router_realm_role");
    let is_alike = if is_named { before["name"] == now["name"] } else { before == now };
    old.procedure == new.procedure && scope(old) == scope(new) && is_alike
}
