//! What the REST services of a worker remember of signed requests.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::SystemTime;

use crossweave_api::Config;
use crossweave_web::Remembered;
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::boot::WorkerPlan;

/// Memories by the name of the key that requests are signed with: a signature does not say which service it is for. They outlive the
/// worker, in files of the node directory.
pub(super) struct Memories {
    folder: PathBuf,
    worker: String,
    by_key: Mutex<HashMap<String, Remembered>>,
}

impl Memories {
    /// Those of the worker of this id.
    pub(super) fn new(folder: PathBuf, worker: &str) -> Memories {
        Memories { folder, worker: worker.to_owned(), by_key: Mutex::default() }
    }

    /// The memory for requests signed with the key of this name.
    pub(super) fn of(&self, key: &str) -> Remembered {
        let mut by_key = self.by_key.lock();
        if let Some(known) = by_key.get(key) {
            return known.clone();
        }
        let opened = Remembered::in_folder(&self.folder, &owner(&self.worker, key));
        let in_memory = |_: &_| Remembered::in_memory_since(SystemTime::now());
        let remembered = opened.as_ref().map_or_else(in_memory, Clone::clone);
        by_key.insert(key.to_owned(), remembered.clone());
        drop(by_key);
        if let Err(error) = opened {
            let folder = self.folder.display();
            warn!(
                "signed requests cannot be remembered in {folder}: {error}; those that were signed before the worker has \
                 started are refused, as they may have been carried out"
            );
        }
        remembered
    }
}

/// Who has the file with what is signed with this key.
fn owner(worker: &str, key: &str) -> String {
    format!("{worker}\0{key}")
}

/// Removes what is remembered for keys that no service of these workers has any more, as soon as that is safe.
pub(crate) async fn clear_memories(folder: PathBuf, plans: &[WorkerPlan]) {
    let owners = owners(plans);
    match spawn_blocking(move || Remembered::clear(&folder, &owners, SystemTime::now())).await {
        Ok(Ok(0)) | Err(_) => {}
        Ok(Ok(cleared)) => info!("removed {cleared} files with signed requests of keys that are gone"),
        Ok(Err(error)) => warn!("files with signed requests of keys that are gone stay: {error}"),
    }
}

fn owners(plans: &[WorkerPlan]) -> Vec<String> {
    let mut owners = Vec::new();
    for plan in plans {
        let mut keys = Vec::new();
        plan.steps.iter().for_each(|step| add_keys(step.start.config(), &mut keys));
        owners.extend(keys.into_iter().map(|key| owner(&plan.id, key)));
    }
    owners
}

/// All that is called `key` in a part of a configuration; some of it is the key of another thing, which does no harm.
fn add_keys<'c>(config: &'c Config, keys: &mut Vec<&'c str>) {
    match config {
        Config::Object(fields) => {
            keys.extend(fields.get("key").and_then(Config::as_str));
            fields.values().for_each(|value| add_keys(value, keys));
        }
        Config::Array(items) => items.iter().for_each(|item| add_keys(item, keys)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crossweave_config::{Environment, Format, parse};
    use serde_json::json;

    use super::*;
    use crate::boot;

    #[test]
    fn the_keys_of_all_services_are_known() {
        let signed = |key: &str| {
            json!({"type": "caller", "realm": "realm1", "role": "anonymous",
            "options": {"key": key, "secret": "secret"}})
        };
        let endpoint = |port: u16| json!({"type": "tcp", "port": port});
        let inner = json!({"type": "path", "paths": {"/": signed("two")}});
        let transports = json!([
            {"type": "web", "endpoint": endpoint(8080), "paths": {"/": {"type": "nodeinfo"}, "a": signed("one"), "in": inner}},
            {"type": "universal", "endpoint": endpoint(8081), "rawsocket": {}, "web": {"paths": {"/": signed("three")}}},
        ]);
        let realms = json!([{"name": "realm1", "roles": [{"name": "anonymous"}]}]);
        let router = json!({"id": "w01", "type": "router", "realms": realms, "transports": transports});
        let document = json!({"version": 2, "workers": [router]}).to_string();
        let checked = parse(&document, Format::Json, "config.json", Environment::empty());
        let checked = checked.unwrap_or_else(|problems| panic!("{problems}"));
        let mut found = owners(&boot::plan(&checked.node, &checked.document));
        found.sort();
        assert_eq!(found, ["w01\0one", "w01\0three", "w01\0two"]);
    }
}
