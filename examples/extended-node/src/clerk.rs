//! A session that every realm has: it remembers notes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crossweave_client::{Client, Registration};
use crossweave_node::Component;
use crossweave_node::component::BoxFuture;
use serde_json::Value;

/// Notes of a realm at most.
const NOTES_MAX: usize = 1_000;

type Notes = Arc<Mutex<BTreeMap<String, String>>>;

/// Answers `com.example.note(name, text)` and `com.example.noted(name)`, for its realm alone.
pub(crate) struct Clerk {
    realm: String,
    notes: Notes,
    registrations: Vec<Registration>,
}

impl Clerk {
    /// `extra` says which realm it is for.
    pub(crate) fn new(extra: &Value) -> Clerk {
        let realm = extra["realm"].as_str().unwrap_or_default().to_owned();
        Clerk { realm, notes: Notes::default(), registrations: Vec::new() }
    }
}

impl Component for Clerk {
    fn joined<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let notes = self.notes.clone();
            let note = move |(name, text): (String, String)| {
                let notes = notes.clone();
                async move {
                    let mut notes = notes.lock().unwrap_or_else(|it| it.into_inner());
                    let has_room = notes.len() < NOTES_MAX || notes.contains_key(&name);
                    if has_room {
                        notes.insert(name, text);
                    }
                    Ok(has_room)
                }
            };
            let (notes, realm) = (self.notes.clone(), self.realm.clone());
            let noted = move |(name,): (String,)| {
                let notes = notes.lock().unwrap_or_else(|it| it.into_inner());
                let text = notes.get(&name).map(|text| format!("{text} ({realm})"));
                async move { Ok(text) }
            };
            let failed = |error| format!("cannot register: {error}");
            let note = client.register("com.example.note", note).await.map_err(failed)?;
            let noted = client.register("com.example.noted", noted).await.map_err(failed)?;
            self.registrations = vec![note, noted];
            Ok(())
        })
    }
}
