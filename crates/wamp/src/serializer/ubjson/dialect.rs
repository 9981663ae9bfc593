//! Which of the two encodings a peer speaks under the name of UBJSON.

use super::super::read::key_text;
use super::super::{Format, Malformed, Serializer, Token};
use super::Ubjson;
use crate::message::Message;

/// The encoding of a peer's first message; nothing if it reads the same in both, as most HELLOs do.
///
/// The peer is answered in it. What only one of them allows decides (BJData's unsigned integers); failing that, the integers
/// that are in their shortest form when read in one byte order and not in the other, as every encoder writes them so; failing
/// that, the smaller numbers.
///
/// ```
/// use crossweave_wamp::Serializer;
/// use crossweave_wamp::serializer::ubjson::dialect;
///
/// assert_eq!(dialect::of(b"[U\x24I\x12\x00U\x01{}]"), Some(Serializer::Ubjson));
/// assert_eq!(dialect::of(b"[U\x24u\x00\x12U\x01{}]"), Some(Serializer::BjData));
/// assert_eq!(dialect::of(b"[U\x24U\x07U\x01{}]"), None);
/// ```
pub fn of(message: &[u8]) -> Option<Serializer> {
    let is_read = |serializer| Message::decode(serializer, message).is_ok();
    match (is_read(Serializer::Ubjson), is_read(Serializer::BjData)) {
        (true, false) => Some(Serializer::Ubjson),
        (false, true) => Some(Serializer::BjData),
        (false, false) => None,
        (true, true) => by_likely_numbers(message),
    }
}

/// What the numbers of a message that both encodings allow speak for.
fn by_likely_numbers(message: &[u8]) -> Option<Serializer> {
    let (big, little) = (oddity::<false>(message), oddity::<true>(message));
    match big.cmp(&little) {
        std::cmp::Ordering::Less => Some(Serializer::Ubjson),
        std::cmp::Ordering::Greater => Some(Serializer::BjData),
        std::cmp::Ordering::Equal => None,
    }
}

/// How odd the numbers of a message look if it is in this encoding, in which it can be read.
fn oddity<const BJDATA: bool>(message: &[u8]) -> u32 {
    let mut sum = 0;
    let start = Ubjson::<BJDATA>::skip_space(message, 0);
    // A failed walk has seen enough: the message was read before.
    let _ = walk::<BJDATA>(message, start, &mut sum);
    sum
}

/// Adds up what is odd in the value at `at` and says where it ends. Recursion is as deep as checked values are.
fn walk<const BJDATA: bool>(bytes: &[u8], at: usize, sum: &mut u32) -> Result<usize, Malformed> {
    type F<const BJDATA: bool> = Ubjson<BJDATA>;
    match F::<BJDATA>::token(bytes, at) {
        Token::List => {
            let mut cursor = F::<BJDATA>::open_list(bytes, at)?;
            while F::<BJDATA>::advance(bytes, &mut cursor, b']')? {
                cursor.at = walk::<BJDATA>(bytes, cursor.at, sum)?;
            }
            return Ok(cursor.at);
        }
        Token::Dict => {
            let mut cursor = F::<BJDATA>::open_dict(bytes, at)?;
            while F::<BJDATA>::advance(bytes, &mut cursor, b'}')? {
                cursor.at = key_text::<F<BJDATA>>(bytes, cursor.at)?.1;
                F::<BJDATA>::to_value(bytes, &mut cursor)?;
                cursor.at = walk::<BJDATA>(bytes, cursor.at, sum)?;
            }
            return Ok(cursor.at);
        }
        Token::Int(number) => *sum += odd_integer::<BJDATA>(bytes.get(at), number),
        Token::Float(number) => *sum += odd_float(number),
        _ => {}
    }
    F::<BJDATA>::skip(bytes, at, 0)
}

/// How odd an integer is: the larger the odder, as small ones are more frequent; very odd if a shorter type would hold it; and
/// a little odd if it is in a type with a sign without need, where there are types without one.
fn odd_integer<const BJDATA: bool>(marker: Option<&u8>, number: i64) -> u32 {
    const VERY: u32 = 1000;
    // Draft 12 has one type without a sign, of one byte.
    let fits = match (marker, BJDATA) {
        (Some(b'I'), _) => -0x80..0x100,
        (Some(b'l'), true) => -0x8000..0x1_0000,
        (Some(b'l'), false) => -0x8000..0x8000,
        (Some(b'L'), true) => -0x8000_0000..0x1_0000_0000,
        (Some(b'L'), false) => -0x8000_0000..0x8000_0000,
        _ => return 0,
    };
    let size = u64::BITS - number.unsigned_abs().leading_zeros();
    let needs_no_sign = BJDATA && number >= 0;
    size + if fits.contains(&number) { VERY } else { 0 } + if needs_no_sign { 8 } else { 0 }
}

/// The further from 1 the odder: powers of two.
fn odd_float(number: f64) -> u32 {
    match number.is_normal() {
        true => number.abs().log2().abs() as u32,
        false if number == 0.0 => 0,
        false => 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::message::{Hello, Message};
    use crate::serializer::Serializer;
    use crate::{Dict, Value};

    fn hello(authextra: Dict) -> Message<'static> {
        let roles = Dict::new().with("caller", Dict::new());
        let details = Dict::new().with("roles", roles).with("authextra", authextra);
        Hello { realm: Some("realm1".into()), details }.into()
    }

    #[test]
    fn a_hello_without_numbers_tells_nothing() {
        for serializer in [Serializer::Ubjson, Serializer::BjData] {
            assert_eq!(of(&hello(Dict::new()).to_bytes(serializer)), None);
        }
        assert_eq!(of(b"no message"), None);
    }

    #[test]
    fn a_longer_number_in_a_hello_tells_the_encoding() {
        for number in [300, -300, 40_000, -40_000, 1 << 40, -(1 << 40)] {
            for value in [Value::Int(number), Value::Float(number as f64 / 4.0)] {
                for serializer in [Serializer::Ubjson, Serializer::BjData] {
                    let message = hello(Dict::new().with("x", value.clone()));
                    assert_eq!(of(&message.to_bytes(serializer)), Some(serializer), "{value:?}");
                }
            }
        }
    }
}
