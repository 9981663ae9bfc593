//! What a WebSocket peer did wrong, and the close code that tells it so.

/// The peer broke RFC 6455 or a limit. The connection must be failed: send [`WsError::close_code`], then close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WsError {
    /// A reserved bit is set that no negotiated extension gives a meaning.
    #[error("reserved bits set in first frame octet {0:#04x}")]
    ReservedBits(u8),
    /// The opcode is one of 3–7 or 11–15.
    #[error("reserved opcode {0:#x}")]
    ReservedOpcode(u8),
    /// A client sent an unmasked frame.
    #[error("unmasked frame from client")]
    MaskMissing,
    /// A server sent a masked frame.
    #[error("masked frame from server")]
    MaskUnexpected,
    /// The length is not in its shortest form, or exceeds 63 bits.
    #[error("frame length {0} is not in its shortest form or exceeds 63 bits")]
    LengthForm(u64),
    /// A ping, pong or close frame is longer than 125 octets.
    #[error("control frame longer than 125 octets")]
    ControlTooLong,
    /// A ping, pong or close frame is fragmented.
    #[error("fragmented control frame")]
    ControlFragmented,
    /// A continuation frame came although no message is open.
    #[error("continuation frame outside of a message")]
    ContinuationUnexpected,
    /// A new message starts before the open one is finished.
    #[error("new message inside of a fragmented message")]
    ContinuationMissing,
    /// A close frame holds one octet, where it must hold none or at least the two of the code.
    #[error("close frame payload of one octet")]
    CloseTooShort,
    /// The close code must not appear on the wire.
    #[error("invalid close code {0}")]
    CloseCode(u16),
    /// A text message or a close reason is not UTF-8.
    #[error("payload is not valid utf-8")]
    InvalidUtf8,
    /// The compressed data of a message cannot be inflated.
    #[error("compressed payload cannot be inflated")]
    InvalidDeflate,
    /// A frame announces more than `max_frame_size` octets.
    #[error("frame exceeds the limit of {max} octets")]
    FrameTooLong {
        /// The limit, in octets.
        max: usize,
    },
    /// A message has, or inflates to, more than `max_message_size` octets.
    #[error("message exceeds the limit of {max} octets")]
    MessageTooLong {
        /// The limit, in octets.
        max: usize,
    },
}

impl WsError {
    /// The close code for this error: 1002 protocol error, 1007 invalid payload, 1009 message too big.
    pub fn close_code(&self) -> u16 {
        match self {
            WsError::InvalidUtf8 | WsError::InvalidDeflate => 1007,
            WsError::FrameTooLong { .. } | WsError::MessageTooLong { .. } => 1009,
            _ => 1002,
        }
    }

    /// A short reason for the close frame; never longer than 123 octets.
    pub fn reason(&self) -> String {
        self.to_string()
    }
}
