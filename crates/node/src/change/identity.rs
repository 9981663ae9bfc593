//! What is the same thing on both sides.
//!
//! Ids that nobody has written are numbers of places: `realm002` is the second realm. When one is put before it, it is still the
//! same realm, and its sessions are not to notice. So realms and roles are known by their names, and other things by what they are.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use super::{Other, is_realm};
use crate::boot::{Start, Step, WorkerPlan};

/// `new` with the ids that `old` has for the same things. Ids that are written stay; others are none of `others`, which run
/// besides.
pub(super) fn keep_ids(old: &WorkerPlan, new: &WorkerPlan, others: &[Other]) -> WorkerPlan {
    let mut kept = new.clone();
    let mut realms = HashMap::new();
    let own = kept.steps.iter_mut().filter(|step| is_realm(step)).collect();
    assign(&old.steps, own, others, &mut realms);
    for step in &mut kept.steps {
        let Start::TemplateOrder(order) = &mut step.start else { continue };
        for id in &mut order.realm_ids {
            if let Some(realm) = realms.get(id) {
                id.clone_from(realm);
            }
        }
    }
    let mut parts: Vec<&mut Step> = kept.steps.iter_mut().filter(|step| !is_realm(step)).collect();
    for step in &mut parts {
        if let Some(id) = step.start.realm_id_mut()
            && let Some(realm) = realms.get(id)
        {
            id.clone_from(realm);
        }
    }
    assign(&old.steps, parts, others, &mut HashMap::new());
    kept
}

/// Gives these steps their ids, but for those of others. `told` learns which had which.
fn assign(old: &[Step], steps: Vec<&mut Step>, others: &[Other], told: &mut HashMap<String, String>) {
    let mut taken: Vec<(Scope, String)> = Vec::new();
    let mut strangers = Vec::new();
    for step in steps {
        let before = step.start.id().to_owned();
        let is_written = step.start.config().get("id").is_some() || is_a_key(step);
        let known = old.iter().find(|it| is_alike(it, step)).map(|it| it.start.id());
        let (false, Some(own)) = (is_written, step.start.id_mut()) else {
            told.insert(before.clone(), before.clone());
            taken.push((scope(step), before));
            continue;
        };
        let Some(id) = known else {
            strangers.push((before, step));
            continue;
        };
        id.clone_into(own);
        told.insert(before, id.to_owned());
        taken.push((scope(step), id.to_owned()));
    }
    for (before, step) in strangers {
        let scope = scope(step);
        let is_free = |id: &String| {
            !taken.contains(&(scope.clone(), id.clone())) && !others.iter().any(|it| it.has_id(step, id))
        };
        let stem = before.trim_end_matches(|it: char| it.is_ascii_digit());
        let numbered = (1..).map(|number| format!("{stem}{number:03}"));
        let id = std::iter::once(before.clone()).chain(numbered).find(is_free).expect("numbers do not end");
        if let Some(own) = step.start.id_mut() {
            own.clone_from(&id);
        }
        told.insert(before, id.clone());
        taken.push((scope, id));
    }
}

/// Within what its id is unique: things of its kind, in its realm.
type Scope = (Discriminant<Start>, Option<String>);

fn scope(step: &Step) -> Scope {
    (discriminant(&step.start), step.start.realm().map(str::to_owned))
}

/// Whether its id is a key of the configuration, which somebody has written.
fn is_a_key(step: &Step) -> bool {
    matches!(step.start, Start::ProxyConnection(_))
}

/// Whether both are about the same thing, whatever its id.
fn is_alike(old: &Step, new: &Step) -> bool {
    let (before, now) = (old.start.config(), new.start.config());
    let is_named = matches!(new.start, Start::Realm(_) | Start::Role(_));
    let is_alike = if is_named { before["name"] == now["name"] } else { before == now };
    scope(old) == scope(new) && is_alike
}
