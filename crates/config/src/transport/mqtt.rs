//! MQTT: its topics are WAMP's, with slashes instead of dots.

use super::Surroundings;
use crate::auth::{self, Auth, check_realm, check_role};
use crate::permission::{self, Matching};
use crate::reading::{At, Fields, Finding, Reading, quoted};
use crate::serializer::Serializer;

/// An MQTT transport, or the MQTT part of a universal one.
#[derive(Debug, Clone, PartialEq)]
pub struct Mqtt {
    /// `options.realm`: the realm that clients join. Needed.
    pub realm: String,
    /// `options.role`: the role of clients that do not log in. Default: `anonymous`.
    pub role: Option<String>,
    /// `options.payload_mapping`: how payloads are translated, by the beginning of the topic. Default: none.
    pub payload_mapping: Vec<PayloadMapping>,
    /// `options.auth`. Default: anonymous, in role `anonymous`.
    pub auth: Auth,
}

/// How payloads of some topics are translated; of several the one with the longest prefix counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadMapping {
    /// The key in `payload_mapping`: what the WAMP topic begins with.
    pub prefix: String,
    /// `type`, with what belongs to it.
    pub kind: PayloadKind,
}

/// A translation of payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadKind {
    /// `"type": "passthrough"`: handed on as they are.
    Passthrough,
    /// `"type": "native"`: a dict of `args` and `kwargs`.
    Native {
        /// `serializer`: `cbor`, `json`, `msgpack` or `ubjson`. Needed.
        serializer: Serializer,
    },
    /// `"type": "dynamic"`: by procedures.
    Dynamic {
        /// `encoder`: makes MQTT payloads. Needed.
        encoder: String,
        /// `decoder`: reads MQTT payloads. Needed.
        decoder: String,
        /// `realm`: the realm of the procedures. Default: that of the clients.
        realm: Option<String>,
    },
}

#[derive(Clone, Copy)]
enum Kind {
    Passthrough,
    Native,
    Dynamic,
}

const SERIALIZERS: &[(&str, Serializer)] = &[
    ("cbor", Serializer::Cbor),
    ("json", Serializer::Json),
    ("msgpack", Serializer::MsgPack),
    ("ubjson", Serializer::Ubjson),
];

impl Mqtt {
    /// Reads `options` of MQTT; the caller finishes the fields.
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Self> {
        let at = fields.required(reading, "options")?;
        let mut fields = reading.object(at, "the MQTT options")?;
        let realm = fields.required(reading, "realm").and_then(|at| {
            let realm = reading.text(&at)?;
            check_realm(reading, &at, &realm, around.realms());
            Some(realm)
        });
        let role = fields.text(reading, "role");
        if let (Some(at), Some(role)) = (fields.get("role"), &role) {
            check_role(reading, &at, role, realm.as_deref(), around.realms());
        }
        let payload_mapping = payload_mapping(reading, &mut fields, around);
        let auth = auth::read(reading, &mut fields, around.reach());
        refuse_own_methods(reading, &fields, &auth);
        fields.elsewhere("payload_format", "`payload_mapping`, by topics");
        fields.finish(reading);
        Some(Self { realm: realm?, role, payload_mapping, auth })
    }
}

/// CONNECT has a name and a password, and nothing to answer a challenge with.
fn refuse_own_methods(reading: &mut Reading<'_>, fields: &Fields<'_>, auth: &Auth) {
    for own in &auth.own {
        let at = fields.peek("auth").and_then(|at| at.peek(&own.name));
        let message =
            format!("MQTT clients cannot log in by {}: they answer no challenges", quoted(&own.name));
        at.into_iter().for_each(|at| reading.report(&at, Finding::error(message.clone())));
    }
}

fn payload_mapping(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
) -> Vec<PayloadMapping> {
    let Some(fields) = fields.object(reading, "payload_mapping", "translations by the beginning of topics")
    else {
        return Vec::new();
    };
    let mut mappings = Vec::new();
    for (entry, at) in fields.named(reading) {
        let whole = at.clone();
        let Some(fields) = reading.object(at, "a translation of payloads") else { continue };
        if entry.key.contains(['*', '#', '+']) {
            let message = "a prefix of topics has no wildcards in it";
            reading.report(&whole.start(), Finding::error(message).expected("what the topics begin with"));
        }
        let kind = PayloadKind::read(reading, fields, around);
        mappings.extend(kind.map(|kind| PayloadMapping { prefix: entry.key.clone(), kind }));
    }
    mappings
}

impl PayloadKind {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, around: &Surroundings<'_>) -> Option<Self> {
        let words =
            &[("passthrough", Kind::Passthrough), ("native", Kind::Native), ("dynamic", Kind::Dynamic)];
        let at = fields.required(reading, "type")?;
        let kind = match reading.word(&at, words)? {
            Kind::Passthrough => Some(Self::Passthrough),
            Kind::Native => fields
                .required(reading, "serializer")
                .and_then(|at| reading.word(&at, SERIALIZERS))
                .map(|serializer| Self::Native { serializer }),
            Kind::Dynamic => {
                let encoder = fields.required(reading, "encoder").and_then(|at| procedure(reading, &at));
                let decoder = fields.required(reading, "decoder").and_then(|at| procedure(reading, &at));
                let realm = fields.text(reading, "realm");
                if let (Some(at), Some(realm)) = (fields.get("realm"), &realm) {
                    check_realm(reading, &at, realm, around.realms());
                }
                encoder.zip(decoder).map(|(encoder, decoder)| Self::Dynamic { encoder, decoder, realm })
            }
        };
        fields.finish(reading);
        kind
    }
}

fn procedure(reading: &mut Reading<'_>, at: &At<'_>) -> Option<String> {
    let uri = reading.text(at)?;
    permission::check(reading, at, &uri, Matching::Exact);
    Some(uri)
}
