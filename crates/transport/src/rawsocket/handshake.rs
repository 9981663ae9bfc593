//! The four octets that each side of a RawSocket connection starts with.

/// The first octet of every RawSocket connection; no HTTP request can start with it.
pub const MAGIC: u8 = 0x7f;

/// How many octets a handshake request or reply has.
pub const HANDSHAKE_LEN: usize = 4;

/// A length limit as the handshake can express it: 2^9 to 2^24 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxLen(u8);

impl MaxLen {
    /// 2^24 octets, the default of Crossbar.io and of most clients.
    pub const MAX: MaxLen = MaxLen(15);
    /// 2^9 octets.
    pub const MIN: MaxLen = MaxLen(0);

    /// The smallest limit that admits messages of `octets`; 2^24 for anything larger.
    pub fn at_least(octets: usize) -> MaxLen {
        (0..15).map(MaxLen).find(|max| max.octets() >= octets).unwrap_or(MaxLen::MAX)
    }

    /// The limit that the four bits `LENGTH` stand for; higher bits are ignored.
    pub fn from_nibble(nibble: u8) -> MaxLen {
        MaxLen(nibble & 0x0f)
    }

    /// The four bits `LENGTH`.
    pub fn nibble(self) -> u8 {
        self.0
    }

    /// The limit in octets.
    pub fn octets(self) -> usize {
        1 << (9 + self.0)
    }
}

/// Why a router refuses a connection: the upper half of the second octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Code 1.
    #[error("serializer unsupported")]
    SerializerUnsupported,
    /// Code 2.
    #[error("maximum message length unacceptable")]
    LengthUnacceptable,
    /// Code 3.
    #[error("use of reserved bits (unsupported feature)")]
    ReservedBits,
    /// Code 4.
    #[error("maximum connection count reached")]
    TooManyConnections,
    /// A code that the specification does not define.
    #[error("undefined error code {0}")]
    Undefined(u8),
}

impl Refusal {
    fn code(self) -> u8 {
        match self {
            Refusal::SerializerUnsupported => 1,
            Refusal::LengthUnacceptable => 2,
            Refusal::ReservedBits => 3,
            Refusal::TooManyConnections => 4,
            Refusal::Undefined(code) => code & 0x0f,
        }
    }

    fn from_code(code: u8) -> Refusal {
        match code {
            1 => Refusal::SerializerUnsupported,
            2 => Refusal::LengthUnacceptable,
            3 => Refusal::ReservedBits,
            4 => Refusal::TooManyConnections,
            other => Refusal::Undefined(other),
        }
    }

    /// The router's reply that says so; the connection is closed behind it.
    pub fn reply(self) -> [u8; HANDSHAKE_LEN] {
        [MAGIC, self.code() << 4, 0, 0]
    }
}

/// The peer's handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The first octet is not 0x7F, so this is not RawSocket; close without a reply.
    #[error("first octet {0:#04x} is not the rawsocket magic 0x7f")]
    NotRawSocket(u8),
    /// Serializer 0 is illegal; close without a reply, as the specification says.
    #[error("illegal serializer 0")]
    SerializerZero,
    /// A router refuses: as a router send [`Refusal::reply`], as a client report it.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The router's reply names another serializer than was asked for.
    #[error("router answered serializer {answered} instead of {requested}")]
    SerializerMismatch {
        /// What the client asked for.
        requested: u8,
        /// What the router answered.
        answered: u8,
    },
    /// The router's reply sets reserved octets.
    #[error("router set reserved octets in its reply")]
    ReplyReserved,
}

/// A client's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHello {
    /// The longest message that the client receives.
    pub max_len: MaxLen,
    /// 1 JSON, 2 MessagePack, 3 CBOR, 4 UBJSON, 5 FlatBuffers.
    pub serializer: u8,
}

impl ClientHello {
    /// Reads a request. Whether the serializer is supported is for the caller to decide.
    ///
    /// # Errors
    /// Says what to do: reply with a [`Refusal`], or close.
    pub fn parse(octets: [u8; HANDSHAKE_LEN]) -> Result<ClientHello, HandshakeError> {
        let [magic, second, reserved @ ..] = octets;
        if magic != MAGIC {
            return Err(HandshakeError::NotRawSocket(magic));
        }
        if reserved != [0, 0] {
            return Err(HandshakeError::Refused(Refusal::ReservedBits));
        }
        match second & 0x0f {
            0 => Err(HandshakeError::SerializerZero),
            serializer => Ok(ClientHello { max_len: MaxLen::from_nibble(second >> 4), serializer }),
        }
    }

    /// The request's octets.
    pub fn request(&self) -> [u8; HANDSHAKE_LEN] {
        [MAGIC, self.max_len.nibble() << 4 | self.serializer & 0x0f, 0, 0]
    }

    /// The router's accepting reply, with the longest message that the router receives.
    pub fn accept(&self, router_max: MaxLen) -> [u8; HANDSHAKE_LEN] {
        ClientHello { max_len: router_max, serializer: self.serializer }.request()
    }
}

/// As a client: reads the router's reply and returns the longest message that the router receives.
///
/// # Errors
/// The router refused, or answered something that it must not.
pub fn parse_reply(octets: [u8; HANDSHAKE_LEN], requested: u8) -> Result<MaxLen, HandshakeError> {
    let [magic, second, reserved @ ..] = octets;
    if magic != MAGIC {
        return Err(HandshakeError::NotRawSocket(magic));
    }
    if reserved != [0, 0] {
        return Err(HandshakeError::ReplyReserved);
    }
    match second & 0x0f {
        0 => Err(HandshakeError::Refused(Refusal::from_code(second >> 4))),
        answered if answered == requested => Ok(MaxLen::from_nibble(second >> 4)),
        answered => Err(HandshakeError::SerializerMismatch { requested, answered }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_second_octet_of_a_request_is_read_as_the_specification_says() {
        for second in 0..=255u8 {
            let parsed = ClientHello::parse([MAGIC, second, 0, 0]);
            match second & 0x0f {
                0 => assert_eq!(parsed, Err(HandshakeError::SerializerZero)),
                serializer => {
                    let hello = parsed.unwrap();
                    assert_eq!(
                        (hello.serializer, hello.max_len.octets()),
                        (serializer, 512 << (second >> 4))
                    );
                    assert_eq!(hello.request(), [MAGIC, second, 0, 0]);
                }
            }
        }
    }

    #[test]
    fn reserved_octets_are_refused_with_code_three() {
        for octets in [[MAGIC, 0xf1, 1, 0], [MAGIC, 0xf1, 0, 1]] {
            let error = ClientHello::parse(octets).unwrap_err();
            assert_eq!(error, HandshakeError::Refused(Refusal::ReservedBits));
            assert_eq!(Refusal::ReservedBits.reply(), [MAGIC, 0x30, 0, 0]);
            assert_eq!(parse_reply(octets, 1), Err(HandshakeError::ReplyReserved));
        }
    }

    #[test]
    fn replies_are_checked_against_the_request() {
        let hello = ClientHello { max_len: MaxLen::MIN, serializer: 2 };
        assert_eq!(parse_reply(hello.accept(MaxLen::MAX), 2), Ok(MaxLen::MAX));
        let mismatch = HandshakeError::SerializerMismatch { requested: 1, answered: 2 };
        assert_eq!(parse_reply(hello.accept(MaxLen::MAX), 1), Err(mismatch));
        assert_eq!(parse_reply(*b"HTTP", 1), Err(HandshakeError::NotRawSocket(b'H')));
        for refusal in [
            Refusal::SerializerUnsupported,
            Refusal::LengthUnacceptable,
            Refusal::ReservedBits,
            Refusal::TooManyConnections,
            Refusal::Undefined(9),
        ] {
            assert_eq!(parse_reply(refusal.reply(), 2), Err(HandshakeError::Refused(refusal)));
        }
    }

    #[test]
    fn limits_round_up_to_a_power_of_two() {
        for (octets, expected) in
            [(0, 512), (512, 512), (513, 1024), (1 << 24, 1 << 24), (usize::MAX, 1 << 24)]
        {
            assert_eq!(MaxLen::at_least(octets).octets(), expected);
        }
    }
}
