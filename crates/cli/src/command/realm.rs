//! `crossweave realm`.

use clap::{Args, Subcommand};
use crossweave_node::explain::{NamedRealm, RealmKind, realms_named};
use serde_json::{Value, json};

use super::check::refuse;
use crate::exit::{Code, Failure};
use crate::node::{NodeDirectory, NotLoaded};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  crossweave realm explain realm1
  crossweave realm explain realm-alice --cbdir examples/realm-templates/.crossbar
  crossweave realm explain realm-alice --json | jq .realms[0].config";

/// Tell of the realms of a configuration
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Realm {
    #[command(subcommand)]
    command: RealmCommand,
}

#[derive(Debug, Subcommand)]
enum RealmCommand {
    /// Say what a client finds that wants to join a realm of this name, or which template starts it
    ///
    /// The configuration is read, not a running node. Exit code 0 if there is such a realm or template, 2 if not.
    #[command(after_help = EXAMPLES)]
    Explain {
        /// The name
        name: String,
        #[command(flatten)]
        directory: NodeDirectory,
        /// Print one JSON object: name, realms
        #[arg(long)]
        json: bool,
    },
}

impl Realm {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let RealmCommand::Explain { name, directory, json } = &self.command;
        let loaded = directory.load().map_err(|reason| match reason {
            NotLoaded::Failure(failure) => failure.tell_if(*json, terminal),
            NotLoaded::Problems(problems) => {
                refuse(terminal, &problems, *json).unwrap_or_else(|failure| failure)
            }
        })?;
        let realms = realms_named(&loaded.node, &loaded.document, &loaded.cbdir, name);
        let text = match json {
            true => {
                json!({"name": name, "realms": realms.iter().map(object).collect::<Vec<_>>()}).to_string()
            }
            false if realms.is_empty() => {
                format!("there is no realm {name:?}, and no template whose name matches it")
            }
            false => realms.iter().map(|it| shown(it, name)).collect::<Vec<_>>().join("\n\n"),
        };
        terminal.print(&terminal.shown(&text))?;
        let can_be_joined =
            |it: &NamedRealm<'_>| matches!(it.kind, RealmKind::Static | RealmKind::Template { .. });
        match realms.iter().any(can_be_joined) {
            true => Ok(()),
            false => Err(Failure::explained(Code::Wamp)),
        }
    }
}

fn shown(realm: &NamedRealm<'_>, name: &str) -> String {
    let mut lines = Vec::new();
    match &realm.kind {
        RealmKind::Static => lines.push(format!("{name}: runs on worker {}", realm.worker)),
        RealmKind::Template { id, pattern, groups, activation, workers } => {
            lines.push(format!("{name}: started on worker {} when its first client comes", realm.worker));
            lines.push(format!("  template   {id}, {pattern}"));
            lines.extend(groups.iter().map(|(group, value)| format!("  {{{group}}} is {value}")));
            let who = activation.authroles.as_ref().map_or("every role below".to_owned(), |it| it.join(", "));
            lines.push(format!("  started by {who}"));
            lines.extend(workers.iter().map(|(kind, id)| format!("  with       {kind} {id}")));
            if !activation.background_authroles.is_empty() {
                let roles = activation.background_authroles.join(", ");
                lines.push(format!("  background {roles}: their sessions keep no realm running"));
            }
            let idle = match activation.idle_timeout {
                Some(seconds) => format!("ends after {seconds} s without a session"),
                None => "stays until the node ends".to_owned(),
            };
            lines.push(format!(
                "  bounds     {} realms, {} by one principal, {} a second; {idle}",
                activation.max_realms, activation.max_realms_per_principal, activation.max_rate
            ));
        }
        RealmKind::Refused { id, why } => {
            return format!(
                "{name}: template {id} of worker {} matches, and no realm is started: {why}",
                realm.worker
            );
        }
        RealmKind::Hidden { id } => {
            lines.push(format!(
                "{name}: template {id} of worker {} matches too, and is never asked",
                realm.worker
            ));
        }
    }
    let roles = realm.config["roles"].as_array().into_iter().flatten();
    lines.extend(roles.flat_map(role));
    lines.join("\n")
}

fn role(role: &Value) -> Vec<String> {
    let name = role["name"].as_str().unwrap_or_default();
    let kind = if role["template"] == true { "roles that match " } else { "role " };
    let mut lines = vec![format!("  {kind}{name}")];
    if let Some(procedure) = role["authorizer"].as_str() {
        lines.push(format!("    asks {procedure}"));
    }
    let permissions = role["permissions"].as_array().map_or(&[][..], Vec::as_slice);
    for permission in permissions {
        let uri = permission["uri"].as_str().unwrap_or_default();
        let policy = permission["match"].as_str().map_or(String::new(), |policy| format!(" ({policy})"));
        let allowed: Vec<&str> = ["call", "register", "publish", "subscribe"]
            .into_iter()
            .filter(|action| permission["allow"][action] == true)
            .collect();
        let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
        lines.push(format!("    {uri}{policy}: {allowed}"));
    }
    if role["authorizer"].is_null() {
        let others = if permissions.is_empty() { "every URI" } else { "every other URI" };
        let allowed = if role["allow-by-default"] == true { "everything" } else { "nothing" };
        lines.push(format!("    {others}: {allowed}"));
    }
    lines
}

fn object(realm: &NamedRealm<'_>) -> Value {
    let kind = match &realm.kind {
        RealmKind::Static => json!({"kind": "static"}),
        RealmKind::Template { id, pattern, groups, activation, workers } => {
            let groups: Value =
                groups.iter().map(|(group, value)| (group.clone(), Value::from(value.clone()))).collect();
            let workers: Vec<&str> = workers.iter().map(|(_, id)| *id).collect();
            let background = &activation.background_authroles;
            json!({"kind": "template", "template": id, "pattern": pattern, "groups": groups, "workers": workers,
                "background_authroles": background})
        }
        RealmKind::Refused { id, why } => json!({"kind": "refused", "template": id, "message": why}),
        RealmKind::Hidden { id } => json!({"kind": "hidden", "template": id}),
    };
    let mut object = kind;
    object["worker"] = realm.worker.into();
    object["config"] = realm.config.clone();
    object
}
