//! `rlinks[]` of a realm: links to the same realm on other routers.

use crate::connecting::ConnectingTransport;
use crate::reading::{At, Reading, Unique};

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
    pub(super) fn read(reading: &mut Reading<'_>, at: At<'_>, ids: &mut Unique) -> Option<Self> {
        let mut fields = reading.object(at, "a link to another router")?;
        let id = fields.id(reading, "rlink", ids);
        let realm = fields.required(reading, "realm").and_then(|at| reading.text(&at));
        let transport =
            fields.required(reading, "transport").and_then(|at| ConnectingTransport::read(reading, at));
        let authid = fields.text(reading, "authid");
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
            exclude_authid,
            forward_local_events: local_events,
            forward_remote_events: remote_events,
            forward_local_invocations: local_invocations,
            forward_remote_invocations: remote_invocations,
        })
    }
}
