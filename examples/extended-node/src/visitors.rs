//! A book of visitors, which every realm has: who was there, and how they had logged in.

use std::collections::HashMap;
use std::fs::{OpenOptions, create_dir_all};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crossweave_client::{Client, Event, Subscription};
use crossweave_node::Component;
use crossweave_node::component::BoxFuture;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

/// Sessions whose beginning is remembered; the leaving of others is in the book without it.
const PRESENT_MAX: usize = 100_000;

/// Writes a line of JSON for each session that has left.
pub(crate) struct Visitors {
    file: PathBuf,
    topics: Option<(Subscription, Subscription)>,
    /// Who is there, by session id: what `wamp.session.on_join` has told.
    present: HashMap<u64, Value>,
}

impl Visitors {
    /// `extra` says which realm it is for. A realm's name comes from a client if a template made it: it is not for paths.
    pub(crate) fn new(folder: &Path, extra: &Value) -> Visitors {
        let realm = extra["realm"].as_str().unwrap_or_default();
        let name: String = realm.bytes().map(|octet| format!("{octet:02x}")).collect();
        Visitors { file: folder.join(name), topics: None, present: HashMap::new() }
    }

    fn joined_now(&mut self, event: &Event) {
        let Ok((details,)) = event.parse::<(Value,)>() else { return };
        let Some(session) = details["session"].as_u64() else { return };
        if self.present.len() < PRESENT_MAX {
            self.present.insert(session, details);
        }
    }

    /// The line about a session that has left: `wamp.session.on_leave` tells its id, authid and authrole.
    fn left_now(&mut self, event: &Event) -> Option<String> {
        let (session, authid, authrole) = event.parse::<(u64, String, String)>().ok()?;
        let joined = self.present.remove(&session);
        let method = joined.as_ref().map_or(&Value::Null, |details| &details["authmethod"]);
        let line = json!({"session": session, "authid": authid, "authrole": authrole, "authmethod": method});
        Some(format!("{line}\n"))
    }
}

impl Component for Visitors {
    fn joined<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let failed = |error| format!("cannot subscribe: {error}");
            let joins = client.subscribe("wamp.session.on_join").await.map_err(failed)?;
            let leaves = client.subscribe("wamp.session.on_leave").await.map_err(failed)?;
            self.topics = Some((joins, leaves));
            Ok(())
        })
    }

    fn run<'a>(&'a mut self, _: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let (mut joins, mut leaves) = self.topics.take().ok_or("it has not joined")?;
            loop {
                // Joins first: who is there for a moment only has joined before it leaves.
                tokio::select! {
                    biased;
                    event = joins.next() => match event {
                        Some(Ok(event)) => self.joined_now(&event),
                        Some(Err(_)) => {}
                        None => return Ok(()),
                    },
                    event = leaves.next() => {
                        let Some(event) = event else { return Ok(()) };
                        let Some(line) = event.ok().and_then(|event| self.left_now(&event)) else { continue };
                        // A disk may be slow: not here, where others wait. The next events wait in the subscription.
                        let file = self.file.clone();
                        let written = spawn_blocking(move || append(&file, &line)).await;
                        let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
                        written.map_err(|error| format!("cannot write: {error}"))?;
                    }
                }
            }
        })
    }
}

fn append(file: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}
