//! Which part of a message is in which field of its table.
//!
//! A field's slot is its place among the fields of its table in the schema, from 0. Slot 0 is always `session`, which is for
//! transports that carry several sessions.

use crate::message::Kind;

/// The slot of the details that the schema has no field for.
pub(super) const REST: u16 = 48;
/// The slot of the CHALLENGE method that the schema has no number for.
const METHOD_TEXT: u16 = 49;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    Bool,
    /// An unsigned integer of so many bytes.
    Uint(usize),
    /// One byte that stands for a word.
    Word(Words),
    /// A list of those.
    Words(Words),
    Text,
    Texts,
    /// A list of ids.
    Ids,
    /// A list of sessions with authid and authrole.
    Principals,
    /// Roles with their features, of a client or of a router.
    Roles(&'static [Role]),
    /// A list or dict in CBOR.
    Cbor,
    /// Bytes.
    Bytes,
}

/// A number and the word it stands for.
pub(super) type Words = &'static [(u8, &'static str)];

/// A role's name, and the names of its features in the order of the schema.
pub(super) type Role = (&'static str, &'static [&'static str]);

/// Where in a message it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The element of this index after the message's type.
    Element(usize),
    /// The entry of this key in options or details.
    Detail(&'static str),
    Args,
    Kwargs,
    /// One binary in the place of `args`.
    Payload,
}

/// One field of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) slot: u16,
    pub(super) place: Place,
    pub(super) holds: Holds,
}

/// One kind of message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema {
    own: &'static [Field],
    /// The fields of the payload, in messages that have one.
    payload: &'static [Field],
    /// Elements after the type and before the payload.
    pub(super) elements: usize,
    /// Which of them is the dict of options or details.
    pub(super) details: Option<usize>,
}

const MATCH: Words = &[(0, "exact"), (1, "prefix"), (2, "wildcard")];
const INVOKE: Words = &[(0, "single"), (1, "first"), (2, "last"), (3, "roundrobin"), (4, "random")];
const CANCEL_MODE: Words = &[(0, "skip"), (1, "kill"), (2, "killnowait")];
const AUTH_METHOD: Words =
    &[(0, "anonymous"), (1, "ticket"), (2, "wampcra"), (3, "wamp-scram"), (4, "cryptosign")];
const SCHEME: Words = &[(1, "cryptobox"), (2, "mqtt"), (3, "xbr"), (4, "x_opaque")];
const SERIALIZER: Words = &[
    (1, "json"),
    (2, "msgpack"),
    (3, "cbor"),
    (4, "ubjson"),
    (5, "opaque"),
    (6, "flatbuffers"),
    (7, "x_flexbuffers"),
];
const CIPHER: Words = &[(1, "xsalsa20poly1305"), (2, "aes256gcm")];

const CLIENT_ROLES: &[Role] = &[
    (
        "publisher",
        &[
            "publisher_identification",
            "publisher_exclusion",
            "subscriber_blackwhite_listing",
            "acknowledge_event_received",
            "payload_transparency",
            "payload_encryption_cryptobox",
        ],
    ),
    (
        "subscriber",
        &[
            "publisher_identification",
            "pattern_based_subscription",
            "publication_trustlevels",
            "subscription_revocation",
            "event_history",
            "acknowledge_subscriber_received",
            "payload_transparency",
            "payload_encryption_cryptobox",
        ],
    ),
    (
        "caller",
        &[
            "caller_identification",
            "call_timeout",
            "call_canceling",
            "progressive_call_results",
            "payload_transparency",
            "payload_encryption_cryptobox",
        ],
    ),
    (
        "callee",
        &[
            "caller_identification",
            "call_trustlevels",
            "call_timeout",
            "call_canceling",
            "progressive_call_results",
            "registration_revocation",
            "pattern_based_registration",
            "shared_registration",
            "payload_transparency",
            "payload_encryption_cryptobox",
        ],
    ),
];

const ROUTER_ROLES: &[Role] = &[
    (
        "broker",
        &[
            "publisher_identification",
            "publisher_exclusion",
            "subscriber_blackwhite_listing",
            "pattern_based_subscription",
            "publication_trustlevels",
            "subscription_revocation",
            "session_meta_api",
            "subscription_meta_api",
            "event_retention",
            "event_history",
            "acknowledge_event_received",
            "acknowledge_subscriber_received",
            "payload_transparency",
            "payload_encryption_cryptobox",
        ],
    ),
    (
        "dealer",
        &[
            "caller_identification",
            "call_trustlevels",
            "call_timeout",
            "call_canceling",
            "progressive_call_results",
            "registration_revocation",
            "pattern_based_registration",
            "shared_registration",
            "session_meta_api",
            "registration_meta_api",
            "testament_meta_api",
            "payload_transparency",
            "payload_encryption_cryptobox",
        ],
    ),
];

const fn element(slot: u16, index: usize, holds: Holds) -> Field {
    Field { slot, place: Place::Element(index), holds }
}

const fn detail(slot: u16, key: &'static str, holds: Holds) -> Field {
    Field { slot, place: Place::Detail(key), holds }
}

const ID: Holds = Holds::Uint(8);

/// `args`, `kwargs`, `payload` and how they are packed, from `slot` on.
const fn payload(slot: u16) -> [Field; 7] {
    [
        Field { slot, place: Place::Args, holds: Holds::Cbor },
        Field { slot: slot + 1, place: Place::Kwargs, holds: Holds::Cbor },
        Field { slot: slot + 2, place: Place::Payload, holds: Holds::Bytes },
        detail(slot + 3, "enc_algo", Holds::Word(SCHEME)),
        detail(slot + 4, "enc_serializer", Holds::Word(SERIALIZER)),
        detail(slot + 5, "ppt_cipher", Holds::Word(CIPHER)),
        detail(slot + 6, "enc_key", Holds::Text),
    ]
}

const PAYLOAD_AT_2: &[Field] = &payload(2);
const PAYLOAD_AT_3: &[Field] = &payload(3);
const PAYLOAD_AT_4: &[Field] = &payload(4);

const REQUEST: Field = element(1, 0, ID);

const HELLO: &[Field] = &[
    detail(1, "roles", Holds::Roles(CLIENT_ROLES)),
    element(2, 0, Holds::Text),
    detail(3, "authmethods", Holds::Words(AUTH_METHOD)),
    detail(4, "authid", Holds::Text),
    detail(5, "authrole", Holds::Text),
    detail(7, "resumable", Holds::Bool),
    detail(8, "resume-session", ID),
    detail(9, "resume-token", Holds::Text),
];

const WELCOME: &[Field] = &[
    element(0, 0, ID),
    detail(1, "roles", Holds::Roles(ROUTER_ROLES)),
    detail(2, "realm", Holds::Text),
    detail(3, "authid", Holds::Text),
    detail(4, "authrole", Holds::Text),
    detail(5, "authmethod", Holds::Word(AUTH_METHOD)),
    detail(6, "authprovider", Holds::Text),
    detail(8, "resumed", Holds::Bool),
    detail(9, "resumable", Holds::Bool),
    detail(10, "resume_token", Holds::Text),
];

const ABORT: &[Field] = &[element(1, 1, Holds::Text), detail(2, "message", Holds::Text)];

const GOODBYE: &[Field] =
    &[element(1, 1, Holds::Text), detail(2, "message", Holds::Text), detail(3, "resumable", Holds::Bool)];

const CHALLENGE: &[Field] = &[element(METHOD_TEXT, 0, Holds::Text), element(1, 0, Holds::Word(AUTH_METHOD))];

const AUTHENTICATE: &[Field] = &[element(1, 0, Holds::Text)];

const ERROR: &[Field] = &[
    element(1, 0, Holds::Uint(2)),
    element(2, 1, ID),
    element(3, 3, Holds::Text),
    detail(11, "forward_for", Holds::Principals),
];

const PUBLISH: &[Field] = &[
    REQUEST,
    element(2, 2, Holds::Text),
    detail(10, "acknowledge", Holds::Bool),
    detail(11, "exclude_me", Holds::Bool),
    detail(12, "exclude", Holds::Ids),
    detail(13, "exclude_authid", Holds::Texts),
    detail(14, "exclude_authrole", Holds::Texts),
    detail(15, "eligible", Holds::Ids),
    detail(16, "eligible_authid", Holds::Texts),
    detail(17, "eligible_authrole", Holds::Texts),
    detail(18, "retain", Holds::Bool),
    detail(19, "transaction_hash", Holds::Text),
    detail(20, "forward_for", Holds::Principals),
];

const SUBSCRIBE: &[Field] = &[
    REQUEST,
    element(2, 2, Holds::Text),
    detail(3, "match", Holds::Word(MATCH)),
    detail(4, "get_retained", Holds::Bool),
];

/// The request and what it led to.
const TWO_IDS: &[Field] = &[REQUEST, element(2, 1, ID)];

const EVENT_RECEIVED: &[Field] = &[element(1, 0, ID)];

const UNSUBSCRIBED: &[Field] = &[REQUEST, detail(2, "subscription", ID), detail(3, "reason", Holds::Text)];

const UNREGISTERED: &[Field] = &[REQUEST, detail(2, "registration", ID), detail(3, "reason", Holds::Text)];

const EVENT: &[Field] = &[
    element(1, 0, ID),
    element(2, 1, ID),
    detail(10, "publisher", ID),
    detail(11, "publisher_authid", Holds::Text),
    detail(12, "publisher_authrole", Holds::Text),
    detail(13, "topic", Holds::Text),
    detail(14, "retained", Holds::Bool),
    detail(15, "transaction_hash", Holds::Text),
    detail(16, "x_acknowledged_delivery", Holds::Bool),
    detail(17, "forward_for", Holds::Principals),
];

const CALL: &[Field] = &[
    REQUEST,
    element(2, 2, Holds::Text),
    detail(10, "timeout", Holds::Uint(4)),
    detail(11, "receive_progress", Holds::Bool),
    detail(12, "transaction_hash", Holds::Text),
    detail(16, "forward_for", Holds::Principals),
];

const CANCEL: &[Field] =
    &[REQUEST, detail(2, "mode", Holds::Word(CANCEL_MODE)), detail(3, "forward_for", Holds::Principals)];

const INTERRUPT: &[Field] = &[
    REQUEST,
    detail(2, "mode", Holds::Word(CANCEL_MODE)),
    detail(3, "reason", Holds::Text),
    detail(4, "forward_for", Holds::Principals),
];

/// RESULT and YIELD.
const ANSWER: &[Field] =
    &[REQUEST, detail(9, "progress", Holds::Bool), detail(13, "forward_for", Holds::Principals)];

const REGISTER: &[Field] = &[
    REQUEST,
    element(2, 2, Holds::Text),
    detail(3, "match", Holds::Word(MATCH)),
    detail(4, "invoke", Holds::Word(INVOKE)),
    detail(5, "concurrency", Holds::Uint(2)),
    detail(6, "force_reregister", Holds::Bool),
];

const INVOCATION: &[Field] = &[
    REQUEST,
    element(2, 1, ID),
    detail(10, "procedure", Holds::Text),
    detail(11, "timeout", Holds::Uint(4)),
    detail(12, "receive_progress", Holds::Bool),
    detail(13, "transaction_hash", Holds::Text),
    detail(14, "caller", ID),
    detail(15, "caller_authid", Holds::Text),
    detail(16, "caller_authrole", Holds::Text),
    detail(17, "forward_for", Holds::Principals),
];

impl Schema {
    /// All fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.own.iter().chain(self.payload)
    }
}

/// The number in `msg_type`.
pub(super) fn code(kind: Kind) -> u8 {
    match kind {
        Kind::EventReceived => 37,
        kind => kind.code() as u8,
    }
}

/// The kind of message with this number in `msg_type`.
pub(super) fn kind(code: u8) -> Option<Kind> {
    match code {
        37 => Some(Kind::EventReceived),
        code => Kind::from_code(code.into()),
    }
}

/// The fields of a kind of message.
pub(super) fn of(kind: Kind) -> Schema {
    let schema = |own, payload, elements, details| Schema { own, payload, elements, details };
    let plain = |own, elements, details| schema(own, &[], elements, Some(details));
    match kind {
        Kind::Hello => plain(HELLO, 2, 1),
        Kind::Welcome => plain(WELCOME, 2, 1),
        Kind::Abort => plain(ABORT, 2, 0),
        Kind::Challenge => plain(CHALLENGE, 2, 1),
        Kind::Authenticate => plain(AUTHENTICATE, 2, 1),
        Kind::Goodbye => plain(GOODBYE, 2, 0),
        Kind::Error => schema(ERROR, PAYLOAD_AT_4, 4, Some(2)),
        Kind::Publish => schema(PUBLISH, PAYLOAD_AT_3, 3, Some(1)),
        Kind::Subscribe => plain(SUBSCRIBE, 3, 1),
        Kind::Published | Kind::Subscribed | Kind::Unsubscribe | Kind::Registered | Kind::Unregister => {
            schema(TWO_IDS, &[], 2, None)
        }
        Kind::Unsubscribed => plain(UNSUBSCRIBED, 2, 1),
        Kind::Unregistered => plain(UNREGISTERED, 2, 1),
        Kind::Event => schema(EVENT, PAYLOAD_AT_3, 3, Some(2)),
        Kind::EventReceived => schema(EVENT_RECEIVED, &[], 1, None),
        Kind::Call => schema(CALL, PAYLOAD_AT_3, 3, Some(1)),
        Kind::Cancel => plain(CANCEL, 2, 1),
        Kind::Result | Kind::Yield => schema(ANSWER, PAYLOAD_AT_2, 2, Some(1)),
        Kind::Register => plain(REGISTER, 3, 1),
        Kind::Invocation => schema(INVOCATION, PAYLOAD_AT_3, 3, Some(2)),
        Kind::Interrupt => plain(INTERRUPT, 2, 1),
    }
}
