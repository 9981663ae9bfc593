//! Bytes from a peer that means harm: lengths that lie, nesting, repeated keys, numbers at the edge.

use crossweave_wamp::limits::DEPTH_MAX;
use crossweave_wamp::message::{
    Abort, Challenge, Event, EventDetails, ForwardFor, Hello, Passthru, SubscribeOptions,
};
use crossweave_wamp::{Dict, Message, Payload, PublicationId, Serializer, SessionId, SubscriptionId, Value};

fn decode(serializer: Serializer, bytes: &[u8]) -> Result<Message<'_>, String> {
    Message::decode(serializer, bytes).map_err(|error| error.message().to_owned())
}

/// `[16, 1, {}, "a", <args>]` in bytes, for `args` of bytes.
fn publish(serializer: Serializer, args: &[u8]) -> Vec<u8> {
    if serializer == Serializer::FlatBuffers {
        return publish_table(args);
    }
    let head: &[u8] = match serializer {
        Serializer::Json => b"[16,1,{},\"a\",",
        Serializer::MsgPack => b"\x95\x10\x01\x80\xa1a",
        Serializer::Cbor => b"\x85\x10\x01\xa0\x61a",
        Serializer::Ubjson | Serializer::BjData => b"[U\x10U\x01{}SU\x01a",
        Serializer::FlatBuffers => unreachable!(),
    };
    let end: &[u8] = match serializer {
        Serializer::Json | Serializer::Ubjson | Serializer::BjData => b"]",
        Serializer::MsgPack | Serializer::Cbor | Serializer::FlatBuffers => b"",
    };
    [head, args, end].concat()
}

/// The same in FlatBuffers, with `args` at the end.
fn publish_table(args: &[u8]) -> Vec<u8> {
    let head: &[u8] = &[
        12, 0, 0, 0, // to the table of the message, behind the list of its two fields
        8, 0, 12, 0, 8, 0, 4, 0, //
        8, 0, 0, 0, 20, 0, 0, 0, 16, 0, 0, 0, // its list, the table of the PUBLISH, its type
        12, 0, 20, 0, 0, 0, 12, 0, 4, 0, 8, 0, // request, topic, args
        12, 0, 0, 0, 16, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, //
        1, 0, 0, 0, b'a', 0, 0, 0,
    ];
    [head, &(args.len() as u32).to_le_bytes(), args].concat()
}

/// Lists (or dicts) in each other, `depth` of them.
fn nested(serializer: Serializer, depth: usize, is_dict: bool) -> Vec<u8> {
    let (open, inner, close): (&[u8], &[u8], &[u8]) = match (serializer, is_dict) {
        (Serializer::Json, false) => (b"[", b"", b"]"),
        (Serializer::Json, true) => (b"{\"k\":", b"{}", b"}"),
        (Serializer::MsgPack, false) => (b"\x91", b"\x90", b""),
        (Serializer::MsgPack, true) => (b"\x81\xa1k", b"\x80", b""),
        (Serializer::Cbor | Serializer::FlatBuffers, false) => (b"\x81", b"\x80", b""),
        (Serializer::Cbor | Serializer::FlatBuffers, true) => (b"\xa1\x61k", b"\xa0", b""),
        (Serializer::Ubjson | Serializer::BjData, false) => (b"[", b"", b"]"),
        (Serializer::Ubjson | Serializer::BjData, true) => (b"{U\x01k", b"{}", b"}"),
    };
    let depth = depth - usize::from(!inner.is_empty());
    [open.repeat(depth), inner.to_vec(), close.repeat(depth)].concat()
}

#[test]
fn nesting_is_bounded_alone_and_in_messages() {
    for serializer in Serializer::ALL {
        for is_dict in [false, true] {
            let is_ok = |depth| serializer.decode_value(&nested(serializer, depth, is_dict)).is_ok();
            assert!(is_ok(DEPTH_MAX - 1) && is_ok(DEPTH_MAX), "{serializer}");
            assert!(!is_ok(DEPTH_MAX + 1) && !is_ok(100_000), "{serializer}");
        }
        // The message is one container, so one fewer fits in.
        let is_ok =
            |depth| decode(serializer, &publish(serializer, &nested(serializer, depth, false))).is_ok();
        assert!(is_ok(DEPTH_MAX - 1) && !is_ok(DEPTH_MAX) && !is_ok(100_000), "{serializer}");
    }
    let tags = [vec![0xc1; 200], vec![0x00]].concat();
    assert!(Serializer::Cbor.decode_value(&tags).is_err(), "tags nest too");
    let indefinite = [vec![0x9f; 200], vec![0xff; 200]].concat();
    assert!(Serializer::Cbor.decode_value(&indefinite).is_err());
}

#[test]
fn the_deepest_payload_is_transcoded() {
    for from in Serializer::ALL {
        let bytes = publish(from, &nested(from, DEPTH_MAX - 1, false));
        let message = decode(from, &bytes).unwrap();
        for to in Serializer::ALL {
            assert_eq!(decode(to, &message.to_bytes(to)).as_ref(), Ok(&message), "{from} to {to}");
        }
    }
}

#[test]
fn a_length_that_lies_is_refused_without_allocating() {
    let lies: [(Serializer, &[&[u8]]); 4] = [
        (
            Serializer::Ubjson,
            &[
                b"[#l\x7f\xff\xff\xff",
                b"{#L\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"SL\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"Sl\xff\xff\xff\xffa",
                b"[$U#L\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"[$U#Si\x01a",
                b"[$U",
                b"[$",
                b"[#",
                b"[#i\xff]",
                b"[#U\x02U\x01",
                b"{#U\x01U\x01a",
                b"{U\x01a}",
                b"[}",
                b"{]",
                b"[NNN",
                b"[U\x01",
                b"SU",
                b"SZ",
                b"SU\x05abc",
                b"C",
                b"C\x80",
                b"HU\x00",
                b"HU\x03abc",
                b"HU\x021 ",
                b"L\x00",
                b"D\x00",
                b"u\x00\x00",
                b"M\x00\x00\x00\x00\x00\x00\x00\x00",
                b"x",
            ],
        ),
        (
            Serializer::BjData,
            &[
                b"[#m\xff\xff\xff\xff",
                b"{#M\xff\xff\xff\xff\xff\xff\xff\xff",
                b"SM\xff\xff\xff\xff\xff\xff\xff\xff",
                b"[$B#M\xff\xff\xff\xff\xff\xff\xff\xff",
                b"[$B#",
                b"[#I\xff\xff]",
                b"h\x00",
                b"M\x00",
            ],
        ),
        (
            Serializer::MsgPack,
            &[
                b"\xdd\xff\xff\xff\xff",
                b"\xdf\xff\xff\xff\xff",
                b"\xdb\xff\xff\xff\xff",
                b"\xc6\xff\xff\xff\xff",
                b"\xc9\xff\xff\xff\xff\x01",
                b"\xdc\xff\xff",
                b"\xde\xff\xff",
                b"\xd9\xff",
                b"\xa5abc",
                b"\x93\x01",
                b"\x82\xa1a",
                b"\xd8\x01",
                b"\xcf\x00",
                b"\xdd\xff\xff",
                b"\xc1",
            ],
        ),
        (
            Serializer::Cbor,
            &[
                b"\x9a\xff\xff\xff\xff",
                b"\xba\xff\xff\xff\xff",
                b"\x7a\xff\xff\xff\xff",
                b"\x5a\xff\xff\xff\xff",
                b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
                b"\x9b\xff\xff\xff\xff\xff\xff\xff\xfe",
                b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
                b"\xbb\x80\x00\x00\x00\x00\x00\x00\x00",
                b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
                b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
                b"\x63ab",
                b"\x82\x01",
                b"\xa1\x61a",
                b"\x1b\x00",
                b"\xc1",
                b"\x9f",
                b"\xbf",
                b"\x7f",
                b"\x5f",
                b"\x7f\x61",
                b"\x9f\x01",
            ],
        ),
    ];
    for (serializer, lies) in lies {
        for lie in lies {
            assert!(serializer.decode_value(lie).is_err(), "{serializer} {lie:02x?}");
            assert!(decode(serializer, &publish(serializer, lie)).is_err(), "{serializer} {lie:02x?}");
            assert!(decode(serializer, lie).is_err(), "{serializer} {lie:02x?}");
        }
    }
}

#[test]
fn every_prefix_of_a_message_is_refused() {
    let details =
        EventDetails { topic: Some("a.b".into()), publisher: Some(SessionId(1 << 40)), ..Default::default() };
    let args = [Value::from("text äöü"), Value::Float(1.5), Value::Bin(vec![1; 300]), Value::Int(-70_000)];
    for serializer in Serializer::ALL {
        let payload = Payload::new(serializer, &args, &Dict::new().with("k", true));
        let event = Event {
            subscription: SubscriptionId(1),
            publication: PublicationId(2),
            details: details.clone(),
            payload,
        };
        let bytes = Message::from(event).to_bytes(serializer);
        for len in 0..bytes.len() {
            assert!(decode(serializer, &bytes[..len]).is_err(), "{serializer}, {len} bytes");
        }
        if serializer == Serializer::FlatBuffers {
            // Its parts are found by offsets: what stands behind them is of no meaning.
            continue;
        }
        let more = [&bytes[..], &bytes[..1]].concat();
        assert!(decode(serializer, &more).is_err(), "{serializer}: bytes after the message");
    }
}

#[test]
fn cbor_of_indefinite_length_is_read() {
    let value = |bytes: &[u8]| Serializer::Cbor.decode_value(bytes);
    let one_two = Value::List(vec![Value::Int(1), Value::Int(2)]);
    assert_eq!(value(b"\x9f\xff"), Ok(Value::List(vec![])));
    assert_eq!(
        value(b"\x9f\x01\xff"),
        Ok(Value::List(vec![Value::Int(1)])),
        "an odd number of items in a list"
    );
    assert_eq!(value(b"\x9f\x01\x02\xff"), Ok(one_two.clone()));
    assert_eq!(value(b"\x82\x9f\x01\x02\xff\x03"), Ok(Value::List(vec![one_two.clone(), Value::Int(3)])));
    assert_eq!(
        value(b"\xbf\x61a\x9f\x01\x02\xff\xff"),
        Ok(Value::Dict(Dict::new().with("a", Value::List(vec![1.into(), 2.into()]))))
    );
    assert_eq!(value(b"\x7f\x61a\x60\x62bc\xff"), Ok("abc".into()));
    assert_eq!(value(b"\x5f\x41a\x42bc\xff"), Ok(Value::Bin(b"abc".to_vec())));
    for bad in [
        &b"\xbf\x61a\xff"[..],
        b"\xff",
        b"\x81\xff",
        b"\xa1\xff",
        b"\xa1\x61a\xff",
        b"\x9f\xff\xff",
        b"\x7f\x41a\xff",
        b"\x7f\x7f\x61a\xff\xff",
        b"\x5f\x61a\xff",
        b"\x7f\x62\xc3\xff",
        b"\x7f\x61\xc3\x61\xa4\xff",
        b"\xc1\xff",
        b"\x1f",
        b"\x3f",
        b"\xdf\x00",
        b"\x1c",
        b"\xfc",
        b"\xf8\x00",
        b"\xf8\x1f",
    ] {
        assert!(value(bad).is_err(), "{bad:02x?}");
    }
    let message = b"\x9f\x10\x01\xbf\x6backnowledge\xf5\xff\x7f\x61a\x62.b\xff\x9f\x01\xff\xbf\xff\xff";
    let Ok(Message::Publish(publish)) = decode(Serializer::Cbor, message) else {
        panic!("a message of indefinite lengths")
    };
    assert!(
        publish.options.acknowledge && publish.topic == "a.b" && publish.payload.args() == [Value::Int(1)]
    );
}

#[test]
fn cbor_tags_are_ignored_where_they_stand() {
    let message =
        b"\xd9\xd9\xf7\x85\xc1\x10\xc1\x01\xc1\xa1\xc1\x6backnowledge\xc1\xf5\xd8\x20\x63a.b\xc1\x81\xc1\x01";
    // A tagged key is no text.
    assert!(decode(Serializer::Cbor, message).unwrap_err().contains("key is not text"));
    let message =
        b"\xd9\xd9\xf7\x85\xc1\x10\xc1\x01\xc1\xa1\x6backnowledge\xc1\xf5\xd8\x20\x63a.b\xc1\x81\xc1\x01";
    let Ok(Message::Publish(publish)) = decode(Serializer::Cbor, message) else {
        panic!("a message with tags")
    };
    assert!(
        publish.options.acknowledge && publish.topic == "a.b" && publish.payload.args() == [Value::Int(1)]
    );
}

#[test]
fn cbor_numbers_of_every_width_are_read() {
    let value = |bytes: &[u8]| Serializer::Cbor.decode_value(bytes).unwrap();
    assert_eq!(value(b"\xf9\x3c\x00"), Value::Float(1.0));
    assert_eq!(value(b"\xf9\x00\x01"), Value::Float(2f64.powi(-24)));
    assert_eq!(value(b"\xf9\x7b\xff"), Value::Float(65504.0));
    assert_eq!(value(b"\xf9\xfc\x00"), Value::Float(f64::NEG_INFINITY));
    assert!(matches!(value(b"\xf9\x7e\x00"), Value::Float(number) if number.is_nan()));
    assert_eq!(value(b"\xfa\x47\xc3\x50\x00"), Value::Float(100_000.0));
    assert_eq!(value(b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"), Value::Int(i64::MIN));
    assert_eq!(value(b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff"), Value::Float(-18446744073709551616.0));
    assert_eq!(value(b"\xf7"), Value::Null);
    assert_eq!(value(b"\xf0"), Value::Null);
}

#[test]
fn a_repeated_option_is_refused_and_so_is_the_sixty_fifth() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"{"acknowledge":true,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"acknowledge":false}"#,
    ] {
        let error = decode(Serializer::Json, format!("[16,1,{text},\"a\"]").as_bytes()).unwrap_err();
        assert!(error.contains("repeated key"), "{error}");
    }
    let keys = |count: usize| (0..count).map(|at| format!("\"k{at}\":0")).collect::<Vec<_>>().join(",");
    assert!(decode(Serializer::Json, format!("[16,1,{{{}}},\"a\"]", keys(64)).as_bytes()).is_ok());
    assert!(decode(Serializer::Json, format!("[16,1,{{{}}},\"a\"]", keys(65)).as_bytes()).is_err());
    assert!(decode(Serializer::MsgPack, b"\x94\x10\x01\x82\xa1a\x01\xa1a\x01\xa1t").is_err());
    assert!(decode(Serializer::Cbor, b"\x84\x10\x01\xa2\x61a\x01\x61a\x01\x61t").is_err());
}

#[test]
fn text_that_is_not_utf8_is_refused_in_options_uris_and_payload() {
    let bad = b"\xa2\xc3\x28";
    for message in [&b"[U\x10U\x01{}SU\x02\xc3\x28]"[..], b"[U\x10U\x01{U\x02\xc3\x28T}SU\x01t]"] {
        for serializer in [Serializer::Ubjson, Serializer::BjData] {
            assert!(decode(serializer, message).unwrap_err().contains("utf-8"), "{message:02x?}");
        }
    }
    for message in [
        &[&b"\x94\x10\x01\x80"[..], bad].concat(),
        &[&b"\x94\x10\x01\x81\xa1x"[..], bad, b"\xa1t"].concat(),
        &[&b"\x94\x10\x01\x81"[..], bad, b"\x01\xa1t"].concat(),
        &[&b"\x95\x10\x01\x80\xa1t\x91"[..], bad].concat(),
        &[&b"\x96\x10\x01\x80\xa1t\x90\x81"[..], bad, b"\x01"].concat(),
    ] {
        assert!(decode(Serializer::MsgPack, message).unwrap_err().contains("utf-8"), "{message:02x?}");
    }
}

#[test]
fn keys_that_are_not_text_travel_and_become_text_in_json() {
    // {1: 2, nil: 3, [1]: 4, 1.5: 5} as kwargs
    let message = b"\x96\x10\x01\x80\xa1t\x90\x84\x01\x02\xc0\x03\x91\x01\x04\xca\x3f\xc0\x00\x00\x05";
    let decoded = decode(Serializer::MsgPack, message).unwrap();
    assert_eq!(
        decoded.to_bytes(Serializer::MsgPack),
        message,
        "unchanged for a peer with the same serializer"
    );
    let json = String::from_utf8(decoded.to_bytes(Serializer::Json)).unwrap();
    assert_eq!(json, r#"[16,1,{},"t",[],{"1":2,"null":3,"(list)":4,"1.5":5}]"#);
}

#[test]
fn keys_within_keys_do_not_grow() {
    // {{{…: 0}: 0}: 0}, found by fuzzing: as text in text, every level doubled the escapes of the one within.
    for (serializer, open) in [(Serializer::MsgPack, b"\x81"), (Serializer::Cbor, b"\xa1")] {
        let args = [open.repeat(DEPTH_MAX - 2), b"\x01".to_vec(), b"\x00".repeat(DEPTH_MAX - 2)].concat();
        let list = if serializer == Serializer::Cbor { b"\x81" } else { b"\x91" };
        let bytes = publish(serializer, &[list, &args[..]].concat());
        let json = decode(serializer, &bytes).unwrap().to_bytes(Serializer::Json);
        assert_eq!(String::from_utf8(json).unwrap(), r#"[16,1,{},"a",[{"(dict)":0}]]"#);
    }
}

#[test]
fn a_message_with_every_detail_at_once_is_written() {
    let passthru = Passthru {
        ppt_scheme: Some("s".into()),
        ppt_serializer: Some("s".into()),
        ppt_cipher: Some("s".into()),
        ppt_keyid: Some("s".into()),
        enc_algo: Some("cryptobox".into()),
        enc_serializer: Some("cbor".into()),
        enc_key: Some("k".into()),
    };
    let text = || Some("t".into());
    let details = EventDetails {
        publisher: Some(SessionId(1)),
        publisher_authid: text(),
        publisher_authrole: text(),
        topic: text(),
        trustlevel: Some(1),
        retained: true,
        acknowledged_delivery: true,
        passthru: Some(Box::new(passthru)),
        transaction_hash: Some("h".into()),
        lost: 3,
        forward_for: Some([ForwardFor { session: SessionId(1), authid: None, authrole: "r".into() }].into()),
    };
    let payload = Payload::new(Serializer::Json, &[1.into()], &Dict::new());
    let event = Message::from(Event {
        subscription: SubscriptionId(1),
        publication: PublicationId(2),
        details,
        payload,
    });
    for serializer in Serializer::ALL {
        assert_eq!(
            decode(serializer, &event.to_bytes(serializer)).as_ref(),
            Ok(&event),
            "{serializer}: more than fifteen details"
        );
    }
}

#[test]
fn a_secret_of_the_wrong_type_is_not_repeated() {
    let error = decode(Serializer::Json, b"[5,[\"hunter2\"],{}]").unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_value_may_be_appended_to_anything() {
    for serializer in Serializer::ALL {
        let mut out = b"abc".to_vec();
        serializer.encode_value(&Value::Bool(true), &mut out);
        assert_eq!(serializer.decode_value(&out[3..]), Ok(Value::Bool(true)), "{serializer}");
    }
}

#[test]
fn text_that_json_could_read_as_bytes_stays_text_where_text_is_due() {
    // Found by fuzzing: "\0" is the JSON notation of no bytes.
    let message = "[16,1,{\"ppt_scheme\":\"\\u0000AA==\",\"forward_for\":[{\"session\":1,\"authrole\":\"\\u0000\"}]},\"\\u0000AA==\"]";
    let Ok(Message::Publish(publish)) = decode(Serializer::Json, message.as_bytes()) else {
        panic!("accepted")
    };
    assert_eq!(publish.topic, "\0AA==");
    assert_eq!(publish.options.forward_for.unwrap()[0].authrole, "\0");
    assert_eq!(publish.options.passthru.unwrap().ppt_scheme.as_deref(), Some("\0AA=="));
}

#[test]
fn a_request_of_id_0_is_refused() {
    for message in
        ["[32,0,{},\"com.a\"]", "[16,0,{},\"com.a\"]", "[48,0,{},\"com.a\"]", "[64,0,{},\"com.a\"]"]
    {
        let refused = Message::decode(Serializer::Json, message.as_bytes()).unwrap_err();
        assert!(refused.message().contains("request is 0"), "{refused}");
    }
    assert!(Message::decode(Serializer::Json, b"[35,0,{\"subscription\":7}]").is_ok());
}

#[test]
fn integers_that_javascript_writes_as_bytes_are_integers() {
    let decode = |bytes: &[u8]| Serializer::Cbor.decode_value(bytes).unwrap();
    assert_eq!(decode(b"\xc2\x47\x20\0\0\0\0\0\0"), Value::Int(1 << 53));
    assert_eq!(decode(b"\xc3\x47\x20\0\0\0\0\0\0"), Value::Int(-(1 << 53) - 1));
    assert_eq!(decode(b"\xc2\x48\xff\xff\xff\xff\xff\xff\xff\xff"), Value::UInt(u64::MAX));
    assert_eq!(decode(b"\xc2\x41\0"), Value::Int(0));
}

#[test]
fn integers_in_bytes_that_are_too_long_are_floats_as_in_json() {
    let of_cbor = |bytes: &[u8]| Serializer::Cbor.decode_value(bytes).unwrap();
    let of_json = |digits: &str| Serializer::Json.decode_value(digits.as_bytes()).unwrap();
    let two_to_64 = "18446744073709551616";
    assert_eq!(of_cbor(b"\xc2\x49\x01\0\0\0\0\0\0\0\0"), of_json(two_to_64));
    assert_eq!(of_cbor(b"\xc3\x49\x01\0\0\0\0\0\0\0\0"), of_json(&format!("-{two_to_64}")));
    assert_eq!(
        of_cbor(b"\xc2\x4a\x02\x9d\x42\xb6\x4e\x76\x71\x42\x44\xcb"),
        of_json("12345678901234567890123")
    );
    // Right between two floats but for its last bit: it is the upper one.
    assert_eq!(of_cbor(b"\xc2\x4a\x80\0\0\0\0\0\x04\0\0\x01"), of_json("604462909807314654461953"));
    let beyond = [&b"\xc2\x58\x80\x01"[..], &[0; 127]].concat();
    assert_eq!(of_cbor(&beyond), Value::Bin(beyond[3..].to_vec()));
}

#[test]
fn options_that_javascript_left_undefined_are_absent() {
    // [32, 1, {"match": undefined}, "com.a"]
    let msgpack = b"\x94\x20\x01\x81\xa5match\xd4\0\0\xa5com.a";
    let cbor = b"\x84\x18\x20\x01\xa1\x65match\xf7\x65com.a";
    for (serializer, bytes) in [(Serializer::MsgPack, &msgpack[..]), (Serializer::Cbor, &cbor[..])] {
        let Message::Subscribe(subscribe) = Message::decode(serializer, bytes).unwrap() else {
            panic!("no SUBSCRIBE")
        };
        assert_eq!(subscribe.options, SubscribeOptions::default(), "{serializer}");
    }
}

#[test]
fn ubjson_values_that_mean_nothing_are_passed() {
    let message = b"N[NU\x10NU\x01N{NU\x0backnowledgeNTN}SU\x01aN[#U\x02NU\x01NU\x02N{}N]N";
    for serializer in [Serializer::Ubjson, Serializer::BjData] {
        let Ok(Message::Publish(publish)) = decode(serializer, message) else {
            panic!("a message with no-ops")
        };
        assert!(publish.options.acknowledge && publish.topic == "a");
        assert_eq!(publish.payload.args(), [Value::Int(1), Value::Int(2)]);
        assert!(publish.payload.kwargs().is_empty() && publish.payload.count() == 2);
    }
}

#[test]
fn ubjson_numbers_of_every_width_are_read() {
    let ubjson = |bytes: &[u8]| Serializer::Ubjson.decode_value(bytes).unwrap();
    assert_eq!(ubjson(b"L\x00\x20\x00\x00\x00\x00\x00\x00"), Value::Int(1 << 53));
    assert_eq!(ubjson(b"HU\x1418446744073709551615"), Value::UInt(u64::MAX));
    assert_eq!(ubjson(b"HU\x031.5"), Value::Float(1.5));
    assert_eq!(ubjson(b"d\x3f\xc0\x00\x00"), Value::Float(1.5));
    let bjdata = |bytes: &[u8]| Serializer::BjData.decode_value(bytes).unwrap();
    assert_eq!(bjdata(b"M\xff\xff\xff\xff\xff\xff\xff\xff"), Value::UInt(u64::MAX));
    assert_eq!(bjdata(b"I\x2c\x01"), Value::Int(300));
    assert_eq!(bjdata(b"h\x00\x3c"), Value::Float(1.0));
    assert_eq!(bjdata(b"B\x07"), Value::Int(7));
}

#[test]
fn a_message_of_containers_with_one_type_is_read() {
    let message = b"[U\x10U\x01{$T#U\x01U\x0backnowledgeSU\x01a[$I#U\x02\x01\x2c\x00\x02]";
    let Ok(Message::Publish(publish)) = decode(Serializer::Ubjson, message) else { panic!("a message") };
    assert!(publish.options.acknowledge);
    assert_eq!(publish.payload.args(), [Value::Int(300), Value::Int(2)]);
}

#[test]
fn flatbuffers_offsets_that_lie_are_refused_or_read_something_that_is_there() {
    let good = publish_table(b"\x81\x01");
    assert!(decode(Serializer::FlatBuffers, &good).is_ok());
    // Every 16 and 32 bit number of the message in turn leads nowhere, back, to itself, or just out of it.
    for at in 0..good.len() {
        let len = good.len() as u32;
        for lie in
            [0, 1, 2, 4, 8, len - 1, len, len + 1, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, u32::MAX]
        {
            for width in [2, 4] {
                let mut bytes = good.clone();
                let end = (at + width).min(bytes.len());
                bytes[at..end].copy_from_slice(&lie.to_le_bytes()[..end - at]);
                if let Ok(message) = decode(Serializer::FlatBuffers, &bytes) {
                    message.to_bytes(Serializer::Json);
                }
            }
        }
    }
}

#[test]
fn flatbuffers_texts_that_share_their_bytes_do_not_multiply() {
    // PUBLISH with `eligible_authid`: 4,000 offsets to one text of 100,000 bytes.
    const TEXTS: usize = 4_000;
    let mut bytes = vec![12, 0, 0, 0, 8, 0, 12, 0, 8, 0, 4, 0, 8, 0, 0, 0, 48, 0, 0, 0, 16, 0, 0, 0];
    let table = bytes.len() + 38;
    let mut slots = vec![0u8; 34];
    slots[32] = 4;
    bytes.extend([38, 0, 8, 0].into_iter().chain(slots));
    assert_eq!(bytes.len(), table);
    let to_table = (table - 16) as u32;
    bytes[16..20].copy_from_slice(&to_table.to_le_bytes());
    bytes.extend(38u32.to_le_bytes());
    bytes.extend(4u32.to_le_bytes());
    bytes.extend((TEXTS as u32).to_le_bytes());
    for index in 0..TEXTS {
        bytes.extend((4 * (TEXTS - index) as u32).to_le_bytes());
    }
    bytes.extend(100_000u32.to_le_bytes());
    bytes.extend([b'a'; 100_000]);
    let error = decode(Serializer::FlatBuffers, &bytes).unwrap_err();
    assert!(error.contains("overlap"), "{error}");
}

#[test]
fn flatbuffers_args_are_one_list_and_kwargs_one_dict() {
    for args in [&b"\x80\xa0"[..], b"\x82\x01", b"\xa0", b"\x01", b"\x80\x00"] {
        assert!(decode(Serializer::FlatBuffers, &publish_table(args)).is_err(), "{args:02x?}");
    }
    let bytes = publish_table(b"");
    let Ok(Message::Publish(publish)) = decode(Serializer::FlatBuffers, &bytes) else { panic!("no args") };
    assert!(publish.payload.is_empty());
}

#[test]
fn what_the_schema_of_flatbuffers_lacks_comes_back_too() {
    let roles = Dict::new().with("caller", Dict::new().with("features", Dict::new().with("x_own", true)));
    let extra = Dict::new().with("pubkey", "00").with("number", u64::MAX).with("bytes", vec![0u8, 255]);
    let details = Dict::new()
        .with("roles", roles)
        .with("authmethods", vec![Value::from("cryptosign"), Value::from("x_own")])
        .with("authid", "joe")
        .with("authextra", extra.clone());
    let realm = Some("realm1".to_owned());
    for message in [
        Message::from(Hello { realm, details }),
        Hello { realm: None, details: Dict::new().with("roles", Dict::new().with("callee", Dict::new())) }
            .into(),
        Challenge { method: "cryptosign".into(), extra: extra.clone() }.into(),
        Challenge { method: "x_own".into(), extra: Dict::new() }.into(),
        Abort { details: extra.with("message", "text"), reason: "a.b".into() }.into(),
    ] {
        let bytes = message.to_bytes(Serializer::FlatBuffers);
        let again = decode(Serializer::FlatBuffers, &bytes).unwrap();
        assert_eq!(in_json(&again), in_json(&message));
    }
}

/// With dicts in the order of their keys.
fn in_json(message: &Message<'_>) -> serde_json::Value {
    serde_json::from_slice(&message.to_bytes(Serializer::Json)).unwrap()
}
