//! Skims one WAMP message, whatever its serializer.

use super::{Codec, Incoming, Key, Malformed, cbor, json, msgpack};

/// Walks over one message. Only the innermost list opened last is tracked, as nothing returns to an outer one.
pub(crate) trait Skim<'a> {
    /// Enters a list.
    fn open(&mut self) -> Result<(), Malformed>;
    /// Moves to the list's next element; false at its end.
    fn more(&mut self) -> Result<bool, Malformed>;
    /// Reads an unsigned integer.
    fn uint(&mut self) -> Result<u64, Malformed>;
    /// Reads a string as it stands in the message.
    fn text(&mut self) -> Result<&'a [u8], Malformed>;
    /// Passes over a value of any kind.
    fn skip(&mut self) -> Result<(), Malformed>;
}

/// Reads the message in `body`.
pub(crate) fn read(codec: Codec, body: &[u8]) -> Result<Incoming<'_>, Malformed> {
    match codec {
        Codec::Json if body.starts_with(b"[4,") => Ok(Incoming::Challenged(body)),
        Codec::Json => skim(json::Skimmer::new(body)),
        Codec::Msgpack => skim(msgpack::Skimmer::new(body)),
        Codec::Cbor => skim(cbor::Skimmer::new(body)),
    }
}

fn skim<'a>(mut at: impl Skim<'a>) -> Result<Incoming<'a>, Malformed> {
    at.open()?;
    element(&mut at)?;
    match at.uint()? {
        36 => {
            skip(&mut at, 3)?;
            Ok(Incoming::Event(payload(&mut at)?))
        }
        50 => {
            skip(&mut at, 2)?;
            Ok(Incoming::Result(payload(&mut at)?))
        }
        68 => {
            element(&mut at)?;
            let request = at.uint()?;
            skip(&mut at, 2)?;
            Ok(Incoming::Invocation(Key::Id(request), payload(&mut at)?))
        }
        2 => Ok(Incoming::Joined),
        17 | 33 | 35 | 65 => Ok(Incoming::Acknowledged),
        8 => {
            skip(&mut at, 3)?;
            element(&mut at)?;
            Ok(Incoming::Failed(at.text()?))
        }
        3 | 6 => {
            skip(&mut at, 1)?;
            element(&mut at)?;
            Ok(Incoming::Refused(at.text()?))
        }
        _ => Ok(Incoming::Ignored),
    }
}

fn element<'a>(at: &mut impl Skim<'a>) -> Result<(), Malformed> {
    if at.more()? { Ok(()) } else { Err(Malformed("message too short")) }
}

fn skip<'a>(at: &mut impl Skim<'a>, elements: usize) -> Result<(), Malformed> {
    for _ in 0..elements {
        element(at)?;
        at.skip()?;
    }
    Ok(())
}

/// The first positional argument, if there is one.
fn payload<'a>(at: &mut impl Skim<'a>) -> Result<&'a [u8], Malformed> {
    if !at.more()? {
        return Ok(&[]);
    }
    at.open()?;
    if at.more()? { at.text() } else { Ok(&[]) }
}
