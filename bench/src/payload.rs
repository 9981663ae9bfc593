//! What every message carries: a sequence number and the time it was sent, as text.
//!
//! The first 16 octets are the number and the next 16 the time in nanoseconds since the run began, each one letter
//! (`a` to `p`) per four bits: plain ASCII that no serializer escapes, and cheap to write and read.

/// Fewest octets a payload can have.
pub(crate) const LENGTH_MIN: usize = 32;

const LETTER: u64 = 0x6161_6161_6161_6161;
const NIBBLES: u64 = 0x0f0f_0f0f_0f0f_0f0f;

/// A payload whose stamp is rewritten for each message.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    octets: Vec<u8>,
}

impl Payload {
    /// A payload of `length` octets, but at least [`LENGTH_MIN`].
    pub(crate) fn new(length: usize) -> Self {
        Self { octets: vec![b'x'; length.max(LENGTH_MIN)] }
    }

    /// Octets it has.
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    /// The payload of message number `sequence`, sent at `sent_ns`.
    #[inline]
    pub(crate) fn stamped(&mut self, sequence: u64, sent_ns: u64) -> &[u8] {
        self.octets[..16].copy_from_slice(&letters(sequence));
        self.octets[16..32].copy_from_slice(&letters(sent_ns));
        &self.octets
    }
}

/// Number and time of a payload; `None` if it is not one of ours.
#[inline]
pub(crate) fn read(payload: &[u8]) -> Option<(u64, u64)> {
    let sequence = payload.first_chunk::<16>()?;
    let sent = payload.get(16..)?.first_chunk::<16>()?;
    Some((number(sequence)?, number(sent)?))
}

fn letters(value: u64) -> [u8; 16] {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&spread((value >> 32) as u32));
    out[8..].copy_from_slice(&spread(value as u32));
    out
}

/// One letter for each four bits of `half`, most significant first.
fn spread(half: u32) -> [u8; 8] {
    let mut word = u64::from(half);
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    word = (word | word << 4) & NIBBLES;
    (word + LETTER).to_be_bytes()
}

fn number(letters: &[u8; 16]) -> Option<u64> {
    let (high, low) = letters.split_at(8);
    Some(u64::from(gather(high.first_chunk()?)?) << 32 | u64::from(gather(low.first_chunk()?)?))
}

fn gather(letters: &[u8; 8]) -> Option<u32> {
    let mut word = u64::from_be_bytes(*letters).wrapping_sub(LETTER);
    if word & !NIBBLES != 0 {
        return None;
    }
    word = (word | word >> 4) & 0x00ff_00ff_00ff_00ff;
    word = (word | word >> 8) & 0x0000_ffff_0000_ffff;
    Some((word | word >> 16) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stamped_is_read_back() {
        let mut payload = Payload::new(64);
        for value in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX, 1 << 32, 0xffff_ffff] {
            let octets = payload.stamped(value, !value);
            assert_eq!(octets.len(), 64);
            assert!(octets.iter().all(u8::is_ascii_lowercase));
            assert_eq!(read(octets), Some((value, !value)));
        }
    }

    #[test]
    fn foreign_payloads_are_not_taken_for_ours() {
        assert_eq!(read(b"short"), None);
        assert_eq!(read(&[b'q'; 32]), None);
        assert_eq!(read(&[0; 64]), None);
    }

    #[test]
    fn too_short_a_payload_is_lengthened() {
        assert_eq!(Payload::new(3).len(), LENGTH_MIN);
    }
}
