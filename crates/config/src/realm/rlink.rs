//! `rlinks[]` of a realm: links to realms of other routers.

use crate::connecting::ConnectingTransport;
use crate::document::{Entry, Value};
use crate::reading::{At, Fields, Finding, Reading, Unique};

/// By what a link can log in, and what is needed for that.
const METHODS: &[(&str, &[&str])] = &[
    ("anonymous", &[]),
    ("ticket", &["authid", "ticket"]),
    ("wampcra", &["authid", "secret"]),
    ("scram", &["authid", "password"]),
    ("cryptosign", &["privkey"]),
    ("cryptosign-proxy", &[]),
];

/// A link to a realm on another router.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterLink {
    /// `id`. Default: `rlink001`, ...
    pub id: String,
    /// `realm`: the realm there. Needed.
    pub realm: String,
    /// `transport`: how it connects. Needed.
    pub transport: ConnectingTransport,
    /// `authid`: as whom it joins there. Default: the router there decides.
    pub authid: Option<String>,
    /// `auth`: how it logs in there, by method, as a component does, or by `cryptosign-proxy` with the node's key, where the router
    /// there lets in nothing but proxies; `role` is then the role that it asks for, `rlink` by default. Default: by `cryptosign`
    /// with the node's key. Not in Crossbar.io.
    pub auth: Option<serde_json::Value>,
    /// `exclude_authid`: sessions whose messages are not forwarded. Default: none.
    pub exclude_authid: Vec<String>,
    /// `forward_local_events`: whether events from here go there. Default: true.
    pub forward_local_events: bool,
    /// `forward_remote_events`: whether events from there come here. Default: true.
    pub forward_remote_events: bool,
    /// `forward_local_invocations`: whether calls from here go there. Default: true.
    pub forward_local_invocations: bool,
    /// `forward_remote_invocations`: whether calls from there come here. Default: true.
    pub forward_remote_invocations: bool,
}

impl RouterLink {
    pub(crate) fn read(reading: &mut Reading<'_>, at: At<'_>, ids: &mut Unique) -> Option<Self> {
        let mut fields = reading.object(at, "a link to another router")?;
        let id = fields.id(reading, "rlink", ids);
        let realm = fields.required(reading, "realm").and_then(|at| reading.text(&at));
        let transport =
            fields.required(reading, "transport").and_then(|at| ConnectingTransport::read(reading, at));
        let authid = fields.text(reading, "authid");
        let auth = auth(reading, &mut fields);
        let exclude_authid = fields.texts(reading, "exclude_authid", "a list of authids");
        let mut switch = |key| fields.bool(reading, key, true);
        let (local_events, remote_events) = (switch("forward_local_events"), switch("forward_remote_events"));
        let (local_invocations, remote_invocations) =
            (switch("forward_local_invocations"), switch("forward_remote_invocations"));
        fields.finish(reading);
        Some(Self {
            id,
            realm: realm?,
            transport: transport?,
            authid,
            auth,
            exclude_authid,
            forward_local_events: local_events,
            forward_remote_events: remote_events,
            forward_local_invocations: local_invocations,
            forward_remote_invocations: remote_invocations,
        })
    }
}

fn auth(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<serde_json::Value> {
    let at = fields.get("auth").filter(|at| !matches!(at.item.value, Value::Null))?;
    match &at.item.value {
        Value::Object(entries) => check_login(reading, &at, entries),
        _ => reading.wrong_type(&at, "an object: how a link logs in"),
    }
    Some(reading.any(&at))
}

/// One method, with what it needs.
fn check_login(reading: &mut Reading<'_>, at: &At<'_>, methods: &[Entry]) {
    if methods.len() > 1 {
        let finding = Finding::error("a link logs in by one method, and `auth` names several");
        reading.report(&at.start(), finding.expected("one of them"));
    }
    for method in methods.iter().filter_map(|entry| at.peek(&entry.key)) {
        let Some((_, needed)) = METHODS.iter().find(|(name, _)| *name == method.key) else {
            let names: Vec<String> = METHODS.iter().map(|(name, _)| format!("`{name}`")).collect();
            let finding = Finding::error(format!("a link cannot log in by {}", method.name()));
            reading.report(&method, finding.expected(names.join(", ")));
            continue;
        };
        for key in needed.iter().filter(|key| method.peek(key).is_none()) {
            let finding = Finding::error(format!("{} has no `{key}`", method.name()));
            reading.report(&method, finding.expected(format!("`{key}`")));
        }
    }
}
