//! Every bound on what a peer may ask for.

/// Iterations of PBKDF2 that a challenge may ask for, and that a configuration may.
pub const PBKDF2_ITERATIONS_MAX: u32 = 1_000_000;

/// Iterations of PBKDF2 below which a client does not answer a WAMP-SCRAM challenge: a router that asks for fewer may be
/// after the password. The least of RFC 7677.
pub const SCRAM_PBKDF2_ITERATIONS_MIN: u32 = 4_096;

/// Octets of a key that PBKDF2 derives for WAMP-CRA.
pub const PBKDF2_KEY_LEN_MAX: u32 = 64;

/// Memory of Argon2 that a challenge may ask for, in KiB: 1 GiB.
pub const ARGON2_MEMORY_MAX_KIB: u32 = 1 << 20;

/// Passes of Argon2 times their memory, in KiB: seconds of computing.
pub const ARGON2_WORK_MAX_KIB: u64 = 1 << 24;

/// The same, below which a client does not answer a challenge.
pub const ARGON2_WORK_MIN_KIB: u64 = 1 << 10;

/// The longest nonce of a WAMP-SCRAM client, in characters.
pub const NONCE_LEN_MAX: usize = 256;

/// The shortest nonce of a WAMP-SCRAM client, in characters: 8 octets in base64.
pub const NONCE_LEN_MIN: usize = 12;

/// The longest salt, in octets.
pub const SALT_LEN_MAX: usize = 256;

/// The longest authid that can authenticate, in octets.
pub const AUTHID_LEN_MAX: usize = 1024;
