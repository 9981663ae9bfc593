//! The universal transport: RawSocket, WebSocket and HTTP on one port.

use super::{Mqtt, RawSocket, Surroundings, Web, WebSocket, web};
use crate::document::Value;
use crate::reading::{Fields, Finding, Reading};

/// What a universal transport speaks; the first bytes of a connection tell which.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Universal {
    /// `rawsocket`. Default: not spoken.
    pub rawsocket: Option<RawSocket>,
    /// `websocket`: WebSocket services by path. Default: none.
    pub websocket: Vec<WebSocketPath>,
    /// `web`: HTTP, for the paths that are not in `websocket`. Default: none.
    pub web: Option<Web>,
    /// `mqtt`. Default: not spoken.
    pub mqtt: Option<Mqtt>,
}

/// A WebSocket service at a path.
#[derive(Debug, Clone, PartialEq)]
pub struct WebSocketPath {
    /// The path as in the URL: `/ws` for the key `ws`, `/` for the key `/`.
    pub path: String,
    /// The service.
    pub websocket: WebSocket,
}

impl Universal {
    /// Reads the keys of a universal transport; the caller finishes the fields.
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
    ) -> Self {
        let universal = Self {
            rawsocket: rawsocket(reading, fields, around),
            websocket: websocket(reading, fields, around),
            web: web_part(reading, fields, around),
            mqtt: mqtt(reading, fields, around),
        };
        fields.not_built(reading, "mqtt", "MQTT");
        if !["rawsocket", "websocket", "web", "mqtt"].iter().any(|key| fields.get(key).is_some()) {
            let message = "this universal transport speaks nothing";
            let expected = "`rawsocket`, `websocket` or `web` in it";
            reading.report(&fields.at.start(), Finding::error(message).expected(expected));
        }
        universal.warn_of_nothing(reading, fields);
        universal.warn_of_hidden_paths(reading, fields);
        universal
    }

    /// An object `websocket` without paths is right where something else is spoken.
    fn warn_of_nothing(&self, reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
        let speaks = ["rawsocket", "web", "mqtt"].iter().any(|key| fields.get(key).is_some());
        let is_empty = fields.get("websocket").is_some_and(|at| match &at.item.value {
            Value::Object(entries) => entries.is_empty(),
            value => matches!(value, Value::Null),
        });
        if let Some(at) = fields.key("websocket").filter(|_| is_empty && !speaks) {
            let message =
                "nothing can connect: this universal transport has no path in `websocket`, and nothing else";
            reading.report(&at, Finding::warning(message).expected("a path, such as `\"ws\": {}`"));
        }
    }

    /// A path in `websocket` is never looked up in `web`.
    fn warn_of_hidden_paths(&self, reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
        let services = self.web.iter().flat_map(|web| &web.paths);
        for hidden in services.filter(|service| self.websocket.iter().any(|other| other.path == service.path))
        {
            if let Some(at) = fields.key("web") {
                let message =
                    format!("path `{}` of `web` is hidden by the same path of `websocket`", hidden.path);
                reading.report(&at, Finding::warning(message));
            }
        }
    }
}

fn rawsocket(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
) -> Option<RawSocket> {
    let mut fields = fields.part(reading, "rawsocket", "the RawSocket part")?;
    let rawsocket = RawSocket::read(reading, &mut fields, around, None);
    no_endpoint(&mut fields);
    fields.finish(reading);
    Some(rawsocket)
}

fn websocket(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
) -> Vec<WebSocketPath> {
    let Some(fields) = fields.object(reading, "websocket", "WebSocket services by path") else {
        return Vec::new();
    };
    let mut services = Vec::new();
    for (entry, at) in fields.named(reading) {
        let path = web::absolute(reading, "", entry, &at.path);
        let Some(mut fields) = reading.object(at, "a WebSocket service") else { continue };
        fields.word(reading, "type", &[("websocket", ())]);
        let websocket = WebSocket::read(reading, &mut fields, around, None);
        no_endpoint(&mut fields);
        fields.finish(reading);
        services.push(WebSocketPath { path, websocket });
    }
    services
}

fn web_part(reading: &mut Reading<'_>, fields: &mut Fields<'_>, around: &Surroundings<'_>) -> Option<Web> {
    let mut fields = fields.part(reading, "web", "the web part")?;
    let web = Web::read(reading, &mut fields, around, None);
    fields.word(reading, "type", &[("web", ())]);
    no_endpoint(&mut fields);
    fields.finish(reading);
    Some(web)
}

fn mqtt(reading: &mut Reading<'_>, fields: &mut Fields<'_>, around: &Surroundings<'_>) -> Option<Mqtt> {
    let mut fields = fields.part(reading, "mqtt", "the MQTT part")?;
    let mqtt = Mqtt::read(reading, &mut fields, around);
    fields.word(reading, "type", &[("mqtt", ())]);
    no_endpoint(&mut fields);
    fields.finish(reading);
    mqtt
}

fn no_endpoint(fields: &mut Fields<'_>) {
    fields.elsewhere("endpoint", "the `endpoint` of the universal transport, which all its parts share");
}
