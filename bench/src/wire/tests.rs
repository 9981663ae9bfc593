use super::template::Template;
use super::value::{Match, hello, register, subscribe};
use super::*;
use crate::login::Login;

const WIRES: [Wire; 4] = [Wire::RS_MSGPACK, Wire::RS_CBOR, Wire::WS_JSON, Wire::WebSocket(Codec::Msgpack)];

/// What the parsers see, without borrowed bytes.
fn describe(incoming: Incoming<'_>) -> String {
    format!("{incoming:?}")
}

/// A server's frame around a message of ours: never masked.
fn server_frame(wire: Wire, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match wire {
        Wire::WebSocket(_) if body.len() < 126 => out.extend([0x82, body.len() as u8]),
        Wire::WebSocket(_) => {
            out.extend([0x82, 126]);
            out.extend((body.len() as u16).to_be_bytes());
        }
        Wire::RawSocket(_) => out.extend((body.len() as u32).to_be_bytes()),
        Wire::Nats => {}
    }
    out.extend_from_slice(body);
    out
}

fn json_as(codec: Codec, json: &str) -> Vec<u8> {
    fn convert(value: &serde_json::Value) -> value::Value<'_> {
        match value {
            serde_json::Value::Array(items) => value::Value::List(items.iter().map(convert).collect()),
            serde_json::Value::Object(map) => {
                value::Value::Map(map.iter().map(|(k, v)| (k.as_str(), convert(v))).collect())
            }
            serde_json::Value::String(text) => value::Value::Text(text),
            other => value::Value::Uint(other.as_u64().expect("tests use unsigned integers")),
        }
    }
    let mut out = Vec::new();
    codec.write(&convert(&serde_json::from_str(json).expect("tests hold valid JSON")), &mut out);
    out
}

/// Everything in `stream`, read in two pieces cut at `cut`.
fn read_cut(wire: Wire, stream: &[u8], cut: usize) -> Vec<String> {
    let (mut seen, mut at, mut is_open) = (Vec::new(), 0, false);
    for end in [cut, stream.len()] {
        while let Some((incoming, length)) =
            wire.next(is_open, &stream[at..end]).expect("the stream is well formed")
        {
            is_open |= incoming == Incoming::Upgraded;
            at += length;
            seen.push(describe(incoming));
        }
    }
    assert_eq!(at, stream.len(), "cut at {cut}: octets left over");
    seen
}

fn check_every_cut(wire: Wire, stream: &[u8], expected: &[Incoming<'_>]) {
    let expected: Vec<_> = expected.iter().map(|incoming| describe(*incoming)).collect();
    for cut in 0..=stream.len() {
        assert_eq!(read_cut(wire, stream, cut), expected, "{wire} cut at {cut}");
    }
}

#[test]
fn wamp_streams_are_read_whole_wherever_they_are_cut() {
    let long = "x".repeat(300);
    let event = format!(r#"[36,5512315355,4429313566,{{"a":[1,{{"b":"c"}}],"topic":"com.t"}},["{long}",1]]"#);
    let messages = [
        r#"[2,9129137332,{"roles":{"broker":{}}}]"#,
        r#"[33,1,200]"#,
        r#"[36,1,2,{}]"#,
        r#"[36,1,2,{},["hello"]]"#,
        &event,
        r#"[50,7845,{},["result"]]"#,
        r#"[68,300,9823526,{},["call"]]"#,
        r#"[8,48,7814135,{"m":"no"},"wamp.error.no_such_procedure"]"#,
        r#"[3,{"message":"no"},"wamp.error.no_such_realm"]"#,
        r#"[5,"signature",{}]"#,
    ];
    let expected = [
        Incoming::Upgraded,
        Incoming::Joined,
        Incoming::Acknowledged,
        Incoming::Event(b""),
        Incoming::Event(b"hello"),
        Incoming::Event(long.as_bytes()),
        Incoming::Result(b"result"),
        Incoming::Invocation(Key::Id(300), b"call"),
        Incoming::Failed(b"wamp.error.no_such_procedure"),
        Incoming::Refused(b"wamp.error.no_such_realm"),
        Incoming::Ignored,
    ];
    for wire in WIRES {
        let codec = wire.codec().expect("these are WAMP");
        let mut stream = match wire {
            Wire::WebSocket(_) => b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n".to_vec(),
            _ => rawsocket::handshake(codec).to_vec(),
        };
        messages.iter().for_each(|json| stream.extend(server_frame(wire, &json_as(codec, json))));
        check_every_cut(wire, &stream, &expected);
    }
}

#[test]
fn nats_stream_is_read_whole_wherever_it_is_cut() {
    let stream =
        b"INFO {\"server_id\":\"a\"}\r\nPONG\r\nPING\r\n+OK\r\nINFO {}\r\nMSG com.t 7 5\r\nhello\r\n\
        MSG svc 2 _INBOX.a.1 4\r\ncall\r\nMSG _INBOX.a.1 1 0\r\n\r\nMSG a.b 3 4\r\n\r\n\r\n\r\n-ERR 'no'\r\n";
    let expected = [
        Incoming::Upgraded,
        Incoming::Pong,
        Incoming::Ping(b""),
        Incoming::Ignored,
        Incoming::Ignored,
        Incoming::Event(b"hello"),
        Incoming::Invocation(Key::Subject(b"_INBOX.a.1"), b"call"),
        Incoming::Result(b""),
        Incoming::Event(b"\r\n\r\n"),
        Incoming::Refused(b" 'no'"),
    ];
    check_every_cut(Wire::Nats, stream, &expected);
}

#[test]
fn json_with_white_space_and_escapes_is_skimmed() {
    let body = br#" [ 36 , 1 , 2 , { "k" : "a\"]}\\" } , [ "p\"q" , {} ] ] "#;
    assert_eq!(message::read(Codec::Json, body), Ok(Incoming::Event(br#"p\"q"#)));
}

#[test]
fn truncated_messages_are_malformed_and_never_panic() {
    let text = r#"[36,5512315355,4429313566,{"a":[1,{"b":"c"}]},["hello",1]]"#;
    for codec in [Codec::Json, Codec::Msgpack, Codec::Cbor] {
        let body = json_as(codec, text);
        for length in 0..body.len() {
            match message::read(codec, &body[..length]) {
                Err(_) | Ok(Incoming::Event(b"hello")) => {}
                other => panic!("{codec:?} cut at {length} was read as {other:?}"),
            }
        }
    }
}

#[test]
fn lengths_that_lie_wait_or_fail_without_panic() {
    assert_eq!(Wire::WS_JSON.next(true, &[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1]), Ok(None));
    assert_eq!(Wire::RS_CBOR.next(true, &[0, 255, 255, 255, 0x80]), Ok(None));
    assert_eq!(Wire::Nats.next(true, b"MSG a 2 18446744073709551615\r\nhello\r\n"), Ok(None));
    assert!(message::read(Codec::Msgpack, &[0xdd, 255, 255, 255, 255, 36]).is_err());
    assert!(message::read(Codec::Cbor, &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255, 36]).is_err());
}

/// Takes the masking off a client frame again and answers its body.
fn client_body(wire: Wire, frame: &[u8]) -> Vec<u8> {
    let (header, length) = match wire {
        Wire::Nats => return frame.to_vec(),
        Wire::RawSocket(_) => return frame[4..].to_vec(),
        Wire::WebSocket(_) if frame[1] & 0x7f == 126 => {
            (4, usize::from(u16::from_be_bytes([frame[2], frame[3]])))
        }
        Wire::WebSocket(_) => (2, usize::from(frame[1] & 0x7f)),
    };
    assert_ne!(frame[1] & 0x80, 0, "client frames are masked");
    let key = &frame[header..header + 4];
    let body: Vec<_> =
        frame[header + 4..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    assert_eq!(body.len(), length);
    body
}

#[test]
fn templates_write_the_message_that_a_plain_encoder_would() {
    for size in [0, 31, 64, 200, 300, 4096] {
        for id in [1, 23, 127, 128, 255, 256, 65_536, 4_294_967_296] {
            let payload = "p".repeat(size);
            for wire in WIRES {
                let codec = wire.codec().expect("these are WAMP");
                let cases = [
                    (
                        Template::publish(wire, "com.t", size),
                        format!(r#"[16,{id},{{}},"com.t",["{payload}"]]"#),
                    ),
                    (
                        Template::call(wire, "com.p", "i", size),
                        format!(r#"[48,{id},{{}},"com.p",["{payload}"]]"#),
                    ),
                    (Template::yield_(wire, size), format!(r#"[70,{id},{{}},["{payload}"]]"#)),
                ];
                for (template, json) in cases {
                    let mut out = b"before".to_vec();
                    template.write(wire, Key::Id(id), payload.as_bytes(), &mut out);
                    assert_eq!(client_body(wire, &out[6..]), json_as(codec, &json), "{wire} {id} {size}");
                }
            }
        }
    }
}

#[test]
fn nats_templates_are_pub_lines() {
    let mut out = Vec::new();
    Template::publish(Wire::Nats, "com.t", 3).write(Wire::Nats, Key::Id(9), b"abc", &mut out);
    Template::call(Wire::Nats, "svc", "_INBOX.4", 3).write(Wire::Nats, Key::Id(17), b"abc", &mut out);
    Template::yield_(Wire::Nats, 3).write(Wire::Nats, Key::Subject(b"_INBOX.4"), b"abc", &mut out);
    let expected: &[u8] = b"PUB com.t 3\r\nabc\r\nPUB svc _INBOX.4 3\r\nabc\r\nPUB _INBOX.4 3\r\nabc\r\n";
    assert_eq!(out, expected);
}

#[test]
fn set_up_messages_are_what_the_specification_says() {
    let json = |value| {
        let mut out = Vec::new();
        Codec::Json.write(&value, &mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    };
    let roles = r#"{"roles":{"publisher":{},"subscriber":{},"caller":{},"callee":{}}}"#;
    assert_eq!(json(hello("realm1", Login::Anonymous)), format!(r#"[1,"realm1",{roles}]"#));
    assert_eq!(json(subscribe(7, Match::Prefix, "com.a")), r#"[32,7,{"match":"prefix"},"com.a"]"#);
    assert_eq!(json(subscribe(8, Match::Exact, "com.a")), r#"[32,8,{},"com.a"]"#);
    assert_eq!(json(register(9, "com.p")), r#"[64,9,{},"com.p"]"#);
}
