//! `components[]`: parts of the application that run inside a worker.

use crate::auth::{check_realm, check_role};
use crate::connecting::ConnectingTransport;
use crate::document::Value;
use crate::reading::{At, Fields, Finding, Reading, Unique, quoted};
use crate::realm::Realm;
use crate::template::check_placeholders;

/// A component in a router: a session of one of its realms, without a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterComponent {
    /// `id`. Default: `component001`, ...
    pub id: String,
    /// `realm`: the realm it joins. Needed.
    pub realm: String,
    /// `role`: the role it has. Default: `anonymous`.
    pub role: String,
    /// `references`: connections that it wants, `connection:ID` each. Default: none.
    pub references: Vec<String>,
    /// `type`, and what it runs.
    pub code: Code,
}

/// A component in a container, which connects to a router.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerComponent {
    /// `id`. Default: `component001`, ...
    pub id: String,
    /// `realm`: the realm it joins. Needed.
    pub realm: String,
    /// `transport`: how it connects. Needed.
    pub transport: ConnectingTransport,
    /// `type`, and what it runs.
    pub code: Code,
}

/// What a component runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Code {
    /// `"type": "class"`.
    Class {
        /// `classname`: a Python class with its module, `module.Class`. Needed.
        classname: String,
        /// `extra`: any value, handed to it. Default: none.
        extra: Option<serde_json::Value>,
    },
    /// `"type": "function"`.
    Function {
        /// `callbacks`: Python functions that are called.
        callbacks: Callbacks,
        /// `auth`: how it logs in, by method; only in a container.
        auth: Option<serde_json::Value>,
        /// `extra`: any value, handed to it. Default: none.
        extra: Option<serde_json::Value>,
    },
    /// `"type": "rust"`. Not in Crossbar.io.
    Rust {
        /// `name`: of a component that is linked into the program. Needed.
        name: String,
        /// `auth`: how it logs in, by method; only in a container.
        auth: Option<serde_json::Value>,
        /// `extra`: any value, handed to it. Default: none.
        extra: Option<serde_json::Value>,
    },
}

/// `callbacks`: a Python function with its module for each, `module.function`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Callbacks {
    /// `join`: when the session has joined.
    pub join: Option<String>,
    /// `leave`: when it leaves.
    pub leave: Option<String>,
    /// `connect`: when the connection is there.
    pub connect: Option<String>,
    /// `disconnect`: when it is gone.
    pub disconnect: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Class,
    Function,
    Rust,
}

const KINDS: &[(&str, Kind)] = &[("class", Kind::Class), ("function", Kind::Function), ("rust", Kind::Rust)];

impl RouterComponent {
    pub(crate) fn read(
        reading: &mut Reading<'_>,
        at: At<'_>,
        realms: &[Realm],
        ids: &mut Unique,
    ) -> Option<Self> {
        let mut fields = reading.object(at, "a component of a router")?;
        let kind = fields.required(reading, "type").and_then(|at| reading.word(&at, KINDS))?;
        let id = fields.id(reading, "component", ids);
        let realm = fields.text(reading, "realm");
        if let (Some(at), Some(name)) = (fields.required(reading, "realm"), &realm) {
            check_realm(reading, &at, name, realms);
        }
        let role = role(reading, &mut fields, realm.as_deref(), realms);
        let references = references(reading, &mut fields);
        let code = Code::read(reading, &mut fields, kind);
        fields.finish(reading);
        Some(Self { id, realm: realm.unwrap_or_default(), role, references, code: code? })
    }
}

fn role(reading: &mut Reading<'_>, fields: &mut Fields<'_>, realm: Option<&str>, realms: &[Realm]) -> String {
    const DEFAULT: &str = "anonymous";
    let role = fields.text(reading, "role").unwrap_or_else(|| DEFAULT.to_owned());
    if let Some(at) = fields.get("role")
        && role != crate::role::TRUSTED
    {
        check_role(reading, &at, &role, realm, realms);
    }
    role
}

fn references(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<String> {
    let list = fields.list(reading, "references", "a list of references");
    for at in &list {
        let Some(reference) = reading.text(at) else { continue };
        if reference.strip_prefix("connection:").is_none_or(str::is_empty) {
            let message = format!("{} is not a reference", quoted(&reference));
            reading.report(at, Finding::error(message).expected("`connection:ID`"));
        }
    }
    fields.texts(reading, "references", "a list of references")
}

impl ContainerComponent {
    pub(crate) fn read(reading: &mut Reading<'_>, at: At<'_>, ids: &mut Unique) -> Option<Self> {
        let mut fields = reading.object(at, "a component of a container")?;
        let kind = fields.required(reading, "type").and_then(|at| reading.word(&at, KINDS))?;
        let id = fields.id(reading, "component", ids);
        let realm = fields.required(reading, "realm").and_then(|at| {
            let realm = reading.text(&at)?;
            check_placeholders(reading, &at, &realm);
            Some(realm)
        });
        let transport =
            fields.required(reading, "transport").and_then(|at| ConnectingTransport::read(reading, at));
        let mut code = Code::read(reading, &mut fields, kind);
        if let Some(Code::Function { auth, .. } | Code::Rust { auth, .. }) = &mut code {
            let at = fields.get("auth").filter(|at| !matches!(at.item.value, Value::Null));
            if let Some(at) = at.as_ref().filter(|at| !matches!(at.item.value, Value::Object(_))) {
                reading.wrong_type(at, "an object: how a component logs in");
            }
            *auth = at.map(|at| reading.any(&at));
        }
        fields
            .elsewhere("role", "it where the router authenticates: the `auth` of its transport gives roles");
        fields.finish(reading);
        Some(Self { id, realm: realm.unwrap_or_default(), transport: transport?, code: code? })
    }
}

impl Code {
    fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Class => {
                let classname = fields.required(reading, "classname").and_then(|at| name(reading, &at));
                let extra = fields.any(reading, "extra");
                Self::Class { classname: classname?, extra }
            }
            Kind::Function => Self::Function {
                callbacks: Callbacks::read(reading, fields),
                auth: None,
                extra: fields.any(reading, "extra"),
            },
            Kind::Rust => {
                let name = fields.required(reading, "name").and_then(|at| {
                    let name = reading.text(&at)?;
                    reading.check_component(&at, &name);
                    Some(name)
                });
                let extra = fields.any(reading, "extra");
                Self::Rust { name: name?, auth: None, extra }
            }
        })
    }
}

impl Callbacks {
    fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        let Some(mut fields) = fields.object(reading, "callbacks", "the callbacks of a component") else {
            return Self::default();
        };
        let mut callback = |key| fields.get(key).and_then(|at| name(reading, &at));
        let callbacks = Self {
            join: callback("join"),
            leave: callback("leave"),
            connect: callback("connect"),
            disconnect: callback("disconnect"),
        };
        fields.finish(reading);
        callbacks
    }
}

/// The name of something in a Python module.
fn name(reading: &mut Reading<'_>, at: &At<'_>) -> Option<String> {
    let name = reading.text(at)?;
    let is_identifier = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|first: char| first.is_ascii_digit())
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let is_name = name.contains('.') && name.split('.').all(is_identifier);
    if !is_name && !reading.is_filled_in(&name) {
        let message = format!("{} is not a name in a Python module", quoted(&name));
        reading.report(at, Finding::error(message).expected("`module.name`"));
    }
    Some(name)
}
