//! XOR masking, and the keys for it.

/// Masks or unmasks `data` in place, starting at the first octet of `key`.
#[inline]
pub(crate) fn apply(data: &mut [u8], key: [u8; 4]) {
    let key32 = u32::from_ne_bytes(key);
    let key64 = u64::from(key32) << 32 | u64::from(key32);
    let mut words = data.chunks_exact_mut(8);
    for word in words.by_ref() {
        let value = u64::from_ne_bytes((&*word).try_into().expect("chunks_exact_mut(8) yields 8 octets"));
        word.copy_from_slice(&(value ^ key64).to_ne_bytes());
    }
    for (octet, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *octet ^= key;
    }
}

/// The key as it continues behind `len` masked octets.
pub(crate) fn advance(key: [u8; 4], len: usize) -> [u8; 4] {
    let mut key = key;
    key.rotate_left(len % 4);
    key
}

const KEYS_LEN: usize = 64;

/// Unpredictable masking keys for a client, drawn from the operating system in batches.
pub(crate) struct MaskKeys {
    keys: [[u8; 4]; KEYS_LEN],
    next: usize,
}

impl MaskKeys {
    pub(crate) fn new() -> MaskKeys {
        MaskKeys { keys: [[0; 4]; KEYS_LEN], next: KEYS_LEN }
    }

    /// The next key; each is used once.
    pub(crate) fn next(&mut self) -> [u8; 4] {
        if self.next == KEYS_LEN {
            getrandom::fill(self.keys.as_flattened_mut()).expect("the operating system provides randomness");
            self.next = 0;
        }
        self.next += 1;
        self.keys[self.next - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_matches_the_octet_by_octet_definition_at_every_length_and_offset() {
        let key = [0x11, 0x22, 0x33, 0x44];
        for len in 0..70usize {
            let plain: Vec<u8> = (0..len as u8).collect();
            let expected: Vec<u8> = plain.iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect();
            for cut in 0..=len {
                let mut data = plain.clone();
                apply(&mut data[..cut], key);
                apply(&mut data[cut..], advance(key, cut));
                assert_eq!(data, expected, "length {len} cut at {cut}");
            }
        }
    }

    #[test]
    fn mask_keys_differ_across_batches() {
        let mut keys = MaskKeys::new();
        let drawn: std::collections::HashSet<[u8; 4]> = (0..3 * KEYS_LEN).map(|_| keys.next()).collect();
        assert!(drawn.len() > 3 * KEYS_LEN - 3);
    }
}
