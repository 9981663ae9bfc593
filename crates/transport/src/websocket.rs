//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692), without input or output of its own.
//!
//! | Module | What |
//! |---|---|
//! | [`frame`] | frame headers, close frames, and building frames |
//! | [`decoder`] | bytes to messages: unmasking, UTF-8, fragments, limits |
//! | [`encoder`] | messages to bytes for one connection: masking, compression, fragmentation |
//! | [`deflate`] | negotiation, bounded inflation, compression |
//! | [`handshake`] | the HTTP upgrade, both sides |
//! | [`origin`] | which web pages may connect |

pub mod decoder;
pub mod deflate;
pub mod encoder;
mod error;
pub mod frame;
pub mod handshake;
mod mask;
pub mod origin;

pub use decoder::{Decoder, Limits, RETAIN_LEN_MAX};
pub use encoder::Encoder;
pub use error::WsError;
pub use frame::{Opcode, Role, append_close, append_frame, append_masked_frame, frame_header};
