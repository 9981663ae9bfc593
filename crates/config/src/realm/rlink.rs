//! `rlinks[]` of a realm: links to realms of other routers.

use crate::connecting::ConnectingTransport;
use crate::document::Value;
use crate::reading::{At, Fields, Reading, Unique};

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
    /// `auth`: how it logs in there, by method, as a component does. Default: by `cryptosign` with the node's key. Not in
    /// Crossbar.io.
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
    if !matches!(at.item.value, Value::Object(_)) {
        reading.wrong_type(&at, "an object: how a link logs in");
    }
    Some(reading.any(&at))
}
