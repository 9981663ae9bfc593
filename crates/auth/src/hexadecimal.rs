//! Bytes as hexadecimal text.

/// Lower case.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Either case; exactly as many bytes.
pub(crate) fn decode<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    decode_any(text)?.try_into().ok()
}

/// Either case.
pub(crate) fn decode_any(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_and_other_texts_are_refused() {
        assert_eq!(encode(&[0, 255, 0x1a]), "00ff1a");
        assert_eq!(decode::<3>("00FF1a"), Some([0, 255, 0x1a]));
        for wrong in ["00ff1", "00ff1g", "00ff1a00", "00ff1é"] {
            assert_eq!(decode::<3>(wrong), None, "{wrong}");
        }
    }
}
