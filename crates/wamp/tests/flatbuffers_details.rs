//! FlatBuffers: details that the schema has no field for are a dict in CBOR, bounded as any other dict of details.

use crossweave_wamp::limits::DICT_KEYS_MAX;
use crossweave_wamp::message::Hello;
use crossweave_wamp::{Dict, Message, Serializer, Value};

/// A HELLO whose further details are these bytes, at least 300.
fn hello(further: &[u8]) -> Vec<u8> {
    // One entry `x` of bytes, just as long, in whose place they are put.
    let (lead, head_len) = if further.len() < 65_536 { (0x59, 6) } else { (0x5a, 8) };
    let details = Dict::new().with("x", Value::Bin(vec![0xaa; further.len() - head_len]));
    let message: Message<'_> = Hello { realm: Some("realm1".into()), details }.into();
    let mut bytes = message.to_bytes(Serializer::FlatBuffers);
    let at = bytes.windows(4).position(|found| found == [0xa1, 0x61, b'x', lead]).expect("it is there");
    bytes[at..at + further.len()].copy_from_slice(further);
    bytes
}

/// `count` entries of different keys, each of 6 bytes and null, behind 5 bytes that say how many.
fn dict(count: u32) -> Vec<u8> {
    let digit = |number: u32, place: u32| b'0' + (number >> (6 * place) & 63) as u8;
    let key = |number: u32| [0, 1, 2, 3].map(|place| digit(number, place));
    let entries = (0..count).flat_map(|number| [&[0x64], &key(number)[..], &[0xf6]].concat());
    [0xba].into_iter().chain(count.to_be_bytes()).chain(entries).collect()
}

/// Why a message with these further details is refused, if it is.
fn refused(further: &[u8]) -> Option<String> {
    Message::decode(Serializer::FlatBuffers, &hello(further)).err().map(|error| error.message().to_owned())
}

#[test]
fn as_many_further_details_as_a_dict_may_have_are_read_and_no_more() {
    let max = DICT_KEYS_MAX as u32;
    // The roles that the schema's own field lacks are one more.
    assert_eq!(refused(&dict(max - 1)), None);
    let too_many = refused(&dict(max + 1)).expect("one too many");
    assert!(too_many.contains("too many keys"), "{too_many}");
}

#[test]
fn what_follows_the_last_key_that_may_be_is_not_read() {
    let at = 5 + 6 * DICT_KEYS_MAX;
    for count in [1_000, 200_000, 2_000_000] {
        let refused = refused(&dict(count)).expect("too many");
        assert!(refused.contains(&format!("byte {at}:")), "{count} entries: {refused}");
    }
}

#[test]
fn further_details_are_one_dict_of_different_texts() {
    let good = [&[0xb8, 60][..], &dict(60)[5..]].concat();
    assert_eq!(refused(&good), None);
    let mut repeated = good.clone();
    let (first, second) = (good[2..8].to_vec(), 8..14);
    repeated[second].copy_from_slice(&first);
    let mut with_bytes_as_key = good.clone();
    with_bytes_as_key[2] = 0x44;
    let mut a_list = good.clone();
    a_list[0] = 0x98;
    let followed = [&good[..], &[0xf6]].concat();
    for (further, why) in [
        (repeated, "repeated key"),
        (with_bytes_as_key, "key is not text"),
        (a_list, "no dict"),
        (followed, "bytes after"),
    ] {
        let refused = refused(&further).expect(why);
        assert!(refused.contains(why), "{refused}");
    }
}
