//! The messages of WAMP, basic and advanced profile.
//!
//! [`Message::decode`] and [`Message::encode`] are the only way from and to bytes. Each message has a struct, in the file of
//! its group: [`session`], [`pubsub`], [`rpc`]. A decoded message borrows its texts and its payload from the bytes it came
//! in; [`Message::into_owned`] keeps it longer than they live.

mod decode;
mod encode;
pub mod pubsub;
pub mod rpc;
pub mod session;
pub mod shared;

pub use pubsub::{
    Event, EventDetails, EventReceived, Publish, PublishOptions, Published, Receivers, Subscribe,
    SubscribeOptions, Subscribed, Unsubscribe, Unsubscribed,
};
pub use rpc::{
    Call, CallOptions, CallSharding, Cancel, CancelMode, Interrupt, Invocation, InvocationDetails,
    InvokePolicy, Register, RegisterOptions, Registered, Result, ResultDetails, RunMode, Unregister,
    Unregistered, Yield, YieldOptions,
};
pub use session::{Abort, Authenticate, Challenge, Goodbye, Hello, Welcome};
pub use shared::{Error, ErrorDetails, ForwardFor, Passthru, Revoked};

use crate::error::ProtocolViolation;
use crate::payload::Payload;
use crate::serializer::Serializer;

/// The number that says which message it is.
#[allow(missing_docs, reason = "the names are the specification's")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Kind {
    Hello = 1,
    Welcome = 2,
    Abort = 3,
    Challenge = 4,
    Authenticate = 5,
    Goodbye = 6,
    Error = 8,
    Publish = 16,
    Published = 17,
    Subscribe = 32,
    Subscribed = 33,
    Unsubscribe = 34,
    Unsubscribed = 35,
    Event = 36,
    Call = 48,
    Cancel = 49,
    Result = 50,
    Register = 64,
    Registered = 65,
    Unregister = 66,
    Unregistered = 67,
    Invocation = 68,
    Interrupt = 69,
    Yield = 70,
    EventReceived = 337,
}

impl Kind {
    /// The kind with this number.
    #[inline]
    pub fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            1 => Kind::Hello,
            2 => Kind::Welcome,
            3 => Kind::Abort,
            4 => Kind::Challenge,
            5 => Kind::Authenticate,
            6 => Kind::Goodbye,
            8 => Kind::Error,
            16 => Kind::Publish,
            17 => Kind::Published,
            32 => Kind::Subscribe,
            33 => Kind::Subscribed,
            34 => Kind::Unsubscribe,
            35 => Kind::Unsubscribed,
            36 => Kind::Event,
            48 => Kind::Call,
            49 => Kind::Cancel,
            50 => Kind::Result,
            64 => Kind::Register,
            65 => Kind::Registered,
            66 => Kind::Unregister,
            67 => Kind::Unregistered,
            68 => Kind::Invocation,
            69 => Kind::Interrupt,
            70 => Kind::Yield,
            337 => Kind::EventReceived,
            _ => return None,
        })
    }

    /// The number on the wire.
    #[inline]
    pub fn code(self) -> u64 {
        self as u64
    }

    /// Whether ERROR may answer it.
    pub fn is_request(self) -> bool {
        use Kind::{Call, Invocation, Publish, Register, Subscribe, Unregister, Unsubscribe};
        matches!(self, Publish | Subscribe | Unsubscribe | Call | Register | Unregister | Invocation)
    }

    /// The kind with this name, in letters of either case.
    pub fn from_name(name: &str) -> Option<Self> {
        // The numbers have gaps; beyond those of the basic and advanced profile there is EVENT_RECEIVED alone.
        (1..=Kind::EventReceived.code())
            .filter_map(Kind::from_code)
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The name in the specification, as `PUBLISH`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Hello => "HELLO",
            Kind::Welcome => "WELCOME",
            Kind::Abort => "ABORT",
            Kind::Challenge => "CHALLENGE",
            Kind::Authenticate => "AUTHENTICATE",
            Kind::Goodbye => "GOODBYE",
            Kind::Error => "ERROR",
            Kind::Publish => "PUBLISH",
            Kind::Published => "PUBLISHED",
            Kind::Subscribe => "SUBSCRIBE",
            Kind::Subscribed => "SUBSCRIBED",
            Kind::Unsubscribe => "UNSUBSCRIBE",
            Kind::Unsubscribed => "UNSUBSCRIBED",
            Kind::Event => "EVENT",
            Kind::EventReceived => "EVENT_RECEIVED",
            Kind::Call => "CALL",
            Kind::Cancel => "CANCEL",
            Kind::Result => "RESULT",
            Kind::Register => "REGISTER",
            Kind::Registered => "REGISTERED",
            Kind::Unregister => "UNREGISTER",
            Kind::Unregistered => "UNREGISTERED",
            Kind::Invocation => "INVOCATION",
            Kind::Interrupt => "INTERRUPT",
            Kind::Yield => "YIELD",
        }
    }
}

macro_rules! messages {
    ($($name:ident $(<$life:lifetime>)?),+ $(,)?) => {
        /// Any WAMP message.
        #[allow(missing_docs, reason = "each variant holds the struct of its name")]
        #[derive(Clone, Debug, PartialEq)]
        pub enum Message<'a> {
            $($name($name $(<$life>)?)),+
        }

        impl Message<'_> {
            /// Which message it is.
            #[inline]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Message::$name(_) => Kind::$name),+
                }
            }

            /// The same message with texts and payload of its own.
            pub fn into_owned(self) -> Message<'static> {
                match self {
                    $(Message::$name(it) => Message::$name(it.into_owned())),+
                }
            }
        }

        $(impl<'a> From<$name $(<$life>)?> for Message<'a> {
            fn from(it: $name $(<$life>)?) -> Self {
                Message::$name(it)
            }
        })+
    };
}

messages! {
    Hello, Welcome, Abort, Challenge, Authenticate, Goodbye, Error<'a>,
    Publish<'a>, Published, Subscribe<'a>, Subscribed, Unsubscribe, Unsubscribed, Event<'a>, EventReceived,
    Call<'a>, Cancel, Result<'a>, Register<'a>, Registered, Unregister, Unregistered, Invocation<'a>, Interrupt, Yield<'a>,
}

impl<'a> Message<'a> {
    /// The message in `bytes`, every byte of which is checked: syntax, UTF-8, nesting, types of known options.
    ///
    /// Unknown options are ignored, as the specification asks. Errors name the message and the place.
    #[inline]
    pub fn decode(serializer: Serializer, bytes: &'a [u8]) -> std::result::Result<Self, ProtocolViolation> {
        decode::message(serializer, bytes)
    }

    /// The same as [`Message::decode`], which checks the UTF-8 of a text while it looks for its end: knowing that the
    /// transport has checked it (a WebSocket text message) saves nothing.
    #[inline]
    pub fn decode_checked_utf8(
        serializer: Serializer,
        bytes: &'a [u8],
    ) -> std::result::Result<Self, ProtocolViolation> {
        decode::message(serializer, bytes)
    }

    /// Its payload, if it is a message that carries one.
    #[inline]
    pub fn payload(&self) -> Option<&Payload<'a>> {
        Some(match self {
            Message::Publish(it) => &it.payload,
            Message::Event(it) => &it.payload,
            Message::Call(it) => &it.payload,
            Message::Invocation(it) => &it.payload,
            Message::Yield(it) => &it.payload,
            Message::Result(it) => &it.payload,
            Message::Error(it) => &it.payload,
            _ => return None,
        })
    }

    /// Its payload, to be changed.
    #[inline]
    pub fn payload_mut(&mut self) -> Option<&mut Payload<'a>> {
        Some(match self {
            Message::Publish(it) => &mut it.payload,
            Message::Event(it) => &mut it.payload,
            Message::Call(it) => &mut it.payload,
            Message::Invocation(it) => &mut it.payload,
            Message::Yield(it) => &mut it.payload,
            Message::Result(it) => &mut it.payload,
            Message::Error(it) => &mut it.payload,
            _ => return None,
        })
    }

    /// Appends the message to `out`. A payload in another serializer is transcoded.
    #[inline]
    pub fn encode(&self, serializer: Serializer, out: &mut Vec<u8>) {
        encode::message(self, serializer, out);
    }

    /// The message as bytes.
    pub fn to_bytes(&self, serializer: Serializer) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(serializer, &mut out);
        out
    }
}
