//! `docs/management-api.md`, out of the contracts.

use std::fmt::Write as _;

use crate::error::ERRORS;
use crate::{ABSENT, Absent, Argument, Contract, Event, Scope, Shape, events, procedures, shapes};

const INTRODUCTION: &str = "\
# Management API

<!-- Written by `cargo run -p crossweave-api --example reference` out of crates/api: changes here are lost. -->

A node is managed by WAMP, on its realm `crossbar`: by the node itself as it starts from its configuration, by the command line, and by
whoever connects to the socket `node.sock` in the node directory (RawSocket, open to the user that runs the node).

```
crossweave call --url unix:DIR/node.sock --realm crossbar crossbar.get_status
```

Arguments can be given by position or by name. Those with a default can be left out, or be null. Times are UTC,
`2026-11-21T08:30:00.000Z`.

URIs, arguments, results and errors are those of Crossbar.io, and so is who hears of an event: whoever has called the procedure that
leads to it has the result, and the event goes to all others, or to all where the tables say so. What differs is said where it does;
beyond that, an id, a worker type or an argument that cannot be is answered with an error of its own, where Crossbar.io mostly
answers `wamp.error.runtime_error`, and once `crossbar.invalid_argument`, which is a slip for `crossbar.error.invalid_argument`.
";

/// The text of `docs/management-api.md`.
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for scope in Scope::ALL {
        let (title, prefix) = heading(scope);
        let _ = write!(text, "\n## {title}\n\n{prefix}\n");
        procedures().filter(|it| it.scope == scope).for_each(|it| procedure(&mut text, it));
        ABSENT.iter().filter(|it| it.scope == scope).for_each(|it| absent(&mut text, it));
        let told: Vec<&Event> = events().filter(|it| it.scope == scope).collect();
        if !told.is_empty() {
            text.push_str("\n### Events\n\n| event | arguments | to | |\n| --- | --- | --- | --- |\n");
            told.iter().for_each(|it| event(&mut text, it));
        }
    }
    text.push_str("\n## Objects\n");
    shapes().for_each(|it| shape(&mut text, it));
    text.push_str("\n## Errors\n\nThe first argument of an ERROR says what is the matter.\n\n| URI | |\n| --- | --- |\n");
    for (uri, doc) in ERRORS {
        let _ = writeln!(text, "| `{uri}` | {} |", sentence(doc));
    }
    text
}

fn heading(scope: Scope) -> (&'static str, &'static str) {
    match scope {
        Scope::Node => ("The node", "`crossbar.NAME`, answered by the controller."),
        Scope::Process => (
            "Every process",
            "`crossbar.NAME` of the controller, `crossbar.worker.ID.NAME` of every native worker.",
        ),
        Scope::Worker => ("Every native worker", "`crossbar.worker.ID.NAME`."),
        Scope::Router => ("Router workers", "`crossbar.worker.ID.NAME`."),
        Scope::Proxy => (
            "Proxy workers",
            "`crossbar.worker.ID.NAME`. They also answer for the web services of their transports, as router workers do.",
        ),
        Scope::Container => ("Container workers", "`crossbar.worker.ID.NAME`."),
        Scope::HostMonitor => ("Host monitors", "`crossbar.worker.ID.NAME`."),
        Scope::Testee => ("WebSocket testees", "`crossbar.worker.ID.NAME`."),
    }
}

fn procedure(text: &mut String, contract: &Contract) {
    let names: Vec<&str> = contract.arguments.iter().map(|it| it.name).collect();
    let _ = write!(text, "\n### `{}({})`\n\n{}\n", contract.name, names.join(", "), sentence(contract.doc));
    if !contract.arguments.is_empty() {
        text.push_str("\n| argument | type | default | |\n| --- | --- | --- | --- |\n");
        contract.arguments.iter().for_each(|it| {
            let _ =
                writeln!(text, "| {} | {} | {} | {} |", it.names(), kind(it.kind), it.default(), it.doc());
        });
    }
    let list = |words: &[&str]| words.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    let _ = write!(text, "\nResult: {}.", kind(contract.result));
    if !contract.errors.is_empty() {
        let _ = write!(text, " Errors: {}.", list(contract.errors));
    }
    if !contract.events.is_empty() {
        let _ = write!(text, " Events: {}.", list(contract.events));
    }
    text.push('\n');
}

fn absent(text: &mut String, absent: &Absent) {
    let names: Vec<String> = absent.names.iter().map(|name| format!("`{name}`")).collect();
    let (names, why) = (names.join(", "), absent.why);
    let _ = write!(
        text,
        "\n### Not here\n\nThese procedures of Crossbar.io answer `crossbar.error.feature_unavailable`, as {why}: {names}.\n"
    );
}

fn event(text: &mut String, event: &Event) {
    let payload = if event.payload.is_empty() { String::new() } else { kind(event.payload) };
    let to = if event.is_for_all { "all" } else { "others" };
    let _ = writeln!(text, "| `{}` | {payload} | {to} | {} |", event.name, sentence(event.doc));
}

fn shape(text: &mut String, shape: &Shape) {
    let _ = write!(
        text,
        "\n### {}\n\n{}\n\n| key | type | |\n| --- | --- | --- |\n",
        shape.name,
        sentence(shape.doc)
    );
    shape.fields.iter().for_each(|it| {
        let _ = writeln!(text, "| `{}` | {} | {} |", it.name(), kind(it.kind), it.doc());
    });
}

fn sentence(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// A Rust type in WAMP's words.
fn kind(rust: &str) -> String {
    let rust: String = rust.chars().filter(|it| !it.is_whitespace()).collect();
    if let Some(several) =
        rust.strip_prefix('(').and_then(|it| it.strip_suffix(')')).filter(|it| !it.is_empty())
    {
        return several.split(',').map(kind).collect::<Vec<_>>().join(", ");
    }
    let inner = |name: &str| rust.strip_prefix(name)?.strip_suffix('>').map(str::to_owned);
    if let Some(of) = inner("Option<") {
        return format!("{} or null", kind(&of));
    }
    if let Some(of) = inner("Vec<") {
        return format!("list of {}", kind(&of));
    }
    if let Some((_, of)) = inner("BTreeMap<").as_deref().and_then(|it| it.split_once(',')) {
        return format!("dict of {}", kind(of));
    }
    if let Some((_, of)) = inner("std::collections::BTreeMap<").as_deref().and_then(|it| it.split_once(',')) {
        return format!("dict of {}", kind(of));
    }
    match rust.rsplit("::").next().unwrap_or_default() {
        "()" => "none".to_owned(),
        "String" => "string".to_owned(),
        "bool" => "bool".to_owned(),
        "u32" | "u64" | "i32" => "integer".to_owned(),
        "f64" => "number".to_owned(),
        "Config" => "dict".to_owned(),
        object => format!("[{object}](#{})", object.to_lowercase()),
    }
}

impl Argument {
    fn attribute<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter_map(move |it| it.strip_prefix(start))
    }

    fn doc(&self) -> String {
        // A long text stands on a line of its own.
        let texts = self.attribute("doc =").map(str::trim_start);
        let lines: Vec<&str> = texts.map(|it| it.trim_start_matches('r').trim_matches('"')).collect();
        sentence(&lines)
    }

    /// Its name in messages.
    fn name(&self) -> &str {
        let renamed =
            self.attribute("serde(").find_map(|it| it.split_once("rename = \"")?.1.strip_suffix("\")"));
        renamed.unwrap_or(self.name)
    }

    /// All names that it can have.
    fn names(&self) -> String {
        let alias = self
            .attribute("serde(alias = \"")
            .find_map(|it| it.strip_suffix("\")"))
            .map(|it| format!(", `{it}`"));
        format!("`{}`{}", self.name(), alias.unwrap_or_default())
    }

    /// Whether it can be left out, and what it is then.
    fn default(&self) -> &'static str {
        let written = self.attribute("serde(default").next();
        match (written, self.kind) {
            (None, _) => "",
            (Some(function), _) if function.contains("yes") => "true",
            (Some(function), _) if function.contains("\"ten\"") => "10",
            (Some(function), _) if function.contains("log_limit") || function.contains("hundred") => "100",
            (_, "bool") => "false",
            (_, kind) if kind.starts_with("Option") => "null",
            (_, kind) if kind.starts_with("Vec") => "[]",
            (_, "u32" | "u64") => "0",
            _ => "empty",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_what_the_contracts_say() {
        let written = include_str!("../../../docs/management-api.md");
        assert!(
            written == reference(),
            "docs/management-api.md is out of date: run `cargo run -p crossweave-api --example reference > docs/management-api.md`"
        );
    }

    #[test]
    fn every_object_that_is_named_is_described() {
        let known: Vec<&str> = shapes().map(|it| it.name).collect();
        let text = reference();
        for name in text.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(known.iter().any(|it| it.to_lowercase() == name), "{name} is not described");
        }
    }

    #[test]
    fn every_event_of_a_procedure_is_described() {
        for contract in procedures() {
            for name in contract.events {
                let is_known =
                    events().any(|it| it.name == *name || it.name.replace("TYPE", "worker") == *name);
                assert!(is_known, "{} names {name}", contract.name);
            }
        }
    }
}
