//! Every bound on what a peer may put into one message, by name.

/// Nesting of lists and dicts in one message, the message itself included. Deeper ones are refused before anything is built.
pub const DEPTH_MAX: usize = 128;

/// Bytes of one message. Transports refuse much smaller ones; this is what the reader itself can count in.
pub const MESSAGE_LEN_MAX: usize = 1 << 31;

/// Keys in one options or details dict.
pub const DICT_KEYS_MAX: usize = 64;

/// Entries in one list of receivers (`eligible`, `exclude_authid`, …) or one `forward_for`.
pub const LIST_LEN_MAX: usize = 4096;

/// Bytes of one URI, unless the router's configuration says less.
pub const URI_LEN_MAX: usize = 1024;

/// Components of one URI or pattern (`com.example.topic` has three).
pub const URI_COMPONENTS_MAX: usize = 32;

/// The last positional argument that a delivery contract may name as its key.
pub const CONFLATION_INDEX_MAX: usize = 63;

/// Bytes of the name of the keyword argument that a delivery contract names as its key.
pub const CONFLATION_NAME_LEN_MAX: usize = 128;

/// Bytes of a payload in which the key of a delivery contract is looked for. An event with a longer one has no key.
pub const CONFLATION_PAYLOAD_LEN_MAX: usize = 64 * 1024;

/// Dimensions of one BJData array of rows and columns.
pub const UBJSON_DIMENSIONS_MAX: usize = 8;
