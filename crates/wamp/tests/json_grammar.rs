//! RFC 8259, case by case: texts that every parser must accept, and texts that none may.

use crossweave_wamp::{Message, Serializer, Value};

const ACCEPTED: &[&str] = &[
    "null",
    " null",
    "null\n",
    "\t\r\n null \t\r\n",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "0.5",
    "-0.5",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "1.5e10",
    "0e0",
    "0e+1",
    "0.0e-0",
    "1e400",
    "-1e400",
    "1e-400",
    "123456789012345678901234567890",
    "\"\"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u00e4\"",
    "\"\\uD834\\uDD1E\"",
    "\"\\ud834\\udd1e\"",
    "\"\\uFFFF\"",
    "\"\\ufdd0\"",
    "\"\u{7f}\"",
    "\"\u{2028}\u{2029}\"",
    "\"äöü€𝄞\"",
    "\"\\u0061\\u30af\\u30EA\"",
    "\"/\"",
    "\"[1,2]\"",
    "[]",
    "[ ]",
    "[\n]",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[]]",
    "[[],[]]",
    "[{}]",
    "[null,1,\"1\",{},[]]",
    "[1\n,\t2]",
    "{}",
    "{ }",
    "{\"a\":1}",
    "{ \"a\" : 1 }",
    "{\"a\":1,\"b\":2}",
    "{\"\":0}",
    "{\"a\":{\"b\":{}}}",
    "{\"a\":[],\"b\":[1,2]}",
    "{\"a\":1,\"a\":2}",
    "{\"\\u0061\":1}",
    "{\"a\":null}",
    "[-0.0]",
    "[1e1]",
    "[20e1]",
    "[123.456e78]",
    "[\"\\\\\"]",
    "[\"\\\\a\"]",
];

const REFUSED: &[&str] = &[
    "",
    " ",
    "\n",
    "nul",
    "nulll",
    "Null",
    "TRUE",
    "tru",
    "fals",
    "falsee",
    "undefined",
    "NaN",
    "Infinity",
    "-Infinity",
    "-NaN",
    "+1",
    "-",
    "--1",
    "01",
    "-01",
    "00",
    "1.",
    ".5",
    "-.5",
    "1.e5",
    "1e",
    "1e+",
    "1e-",
    "1E+",
    "0x1",
    "1_000",
    "1,",
    "1 2",
    "1a",
    "0e",
    "0.e1",
    "1.2.3",
    "1e2e3",
    "1e5.5",
    "- 1",
    "٣",
    "\u{feff}null",
    "\u{a0}1",
    "\u{b}1",
    "\u{c}1",
    "\u{2028}1",
    "\"",
    "\"a",
    "a",
    "'a'",
    "\"a\"b",
    "\"\\\"",
    "\"\\\"a",
    "\"\\x00\"",
    "\"\\a\"",
    "\"\\u\"",
    "\"\\u0\"",
    "\"\\u00\"",
    "\"\\u000\"",
    "\"\\u000g\"",
    "\"\\u+123\"",
    "\"\\U0041\"",
    "\"\\0\"",
    "\"\\'\"",
    "\"\\\n\"",
    "\"\n\"",
    "\"\t\"",
    "\"\u{0}\"",
    "\"\u{1f}\"",
    "\"\\",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\ud800\"",
    "\"\\ud800a\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\u0041\"",
    "\"\\udfff\\ud800\"",
    "\"\\ud800\\u\"",
    "\"\\ud800\\udc0\"",
    "\"\\ud800\\",
    "\"\\ud800\\u",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[,]",
    "[1,,2]",
    "[1 2]",
    "[1:2]",
    "[1}",
    "[}",
    "[\"a\"",
    "[\"a",
    "[\"a,",
    "[a]",
    "[1]]",
    "[]]",
    "[][]",
    "[1],",
    "[*]",
    "[-]",
    "[1.]",
    "[//]",
    "[/**/]",
    "[1]//",
    "#",
    "[(1)]",
    "<1>",
    "[\u{a0}]",
    "[\\n]",
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{,\"a\":1}",
    "{\"a\"}",
    "{\"a\",1}",
    "{\"a\"1}",
    "{\"a\"::1}",
    "{\"a\":}",
    "{:1}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{null:1}",
    "{[]:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1;\"b\":2}",
    "{\"a\":1]",
    "{]",
    "{\"a\":1}}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\":1}#",
    "{\"a\":1}/**/",
    "{\"a\" \"b\"}",
    "{\"a\":\"b}",
    "{\"a\":\"b\",c}",
    "{\"\\ud800\":1}",
    "{\"a\n\":1}",
];

/// Alone, as an argument, as a keyword argument and as an unknown option: each goes another way through the reader.
fn in_every_place(text: &str) -> [String; 4] {
    [
        text.to_owned(),
        format!("[16,1,{{}},\"a.b\",[{text}]]"),
        format!("[16,1,{{}},\"a.b\",[],{{\"k\":{text}}}]"),
        format!("[16,1,{{\"unknown\":{text}}},\"a.b\"]"),
    ]
}

fn is_accepted(place: usize, text: &str) -> bool {
    match place {
        0 => Serializer::Json.decode_value(text.as_bytes()).is_ok(),
        _ => Message::decode(Serializer::Json, text.as_bytes()).is_ok(),
    }
}

#[test]
fn valid_json_is_accepted_everywhere() {
    for text in ACCEPTED {
        for (place, text) in in_every_place(text).iter().enumerate() {
            assert!(is_accepted(place, text), "{text}");
        }
    }
}

#[test]
fn invalid_json_is_refused_everywhere() {
    for text in REFUSED {
        for (place, text) in in_every_place(text).iter().enumerate() {
            // In a list `1,2` is two values, and an empty text is none.
            let is_valid_there = place > 0 && serde_json::from_str::<serde_json::Value>(text).is_ok();
            assert_eq!(is_accepted(place, text), is_valid_there, "{text:?}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_wherever_they_stand() {
    let message =
        "[16,1,{\"x\":\"ä\"},\"a.b\",[\"0123456789abcdef0123456789abcdef\"],{\"käy\":\"ä\"}]".as_bytes();
    assert!(Message::decode(Serializer::Json, message).is_ok());
    for at in 0..=message.len() {
        for bad in [
            &[0xff][..],
            &[0xc0, 0xaf],
            &[0xed, 0xa0, 0x80],
            &[0xf4, 0x90, 0x80, 0x80],
            &[0xe2, 0x82],
            &[0x80],
        ] {
            let bytes = [&message[..at], bad, &message[at..]].concat();
            let decoded = Message::decode(Serializer::Json, &bytes);
            assert!(
                decoded.is_err() || std::str::from_utf8(&bytes).is_ok(),
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

#[test]
fn numbers_keep_their_kind() {
    let value = |text: &str| Serializer::Json.decode_value(text.as_bytes()).unwrap();
    assert_eq!(value("-0"), Value::Int(0));
    assert_eq!(value("9007199254740993"), Value::Int((1 << 53) + 1));
    assert_eq!(value("9223372036854775807"), Value::Int(i64::MAX));
    assert_eq!(value("-9223372036854775808"), Value::Int(i64::MIN));
    assert_eq!(value("9223372036854775808"), Value::UInt(1 << 63));
    assert_eq!(value("18446744073709551615"), Value::UInt(u64::MAX));
    assert_eq!(value("18446744073709551616"), Value::Float(18446744073709551616.0));
    assert_eq!(value("-9223372036854775809"), Value::Float(-9223372036854775809.0));
    assert_eq!(value("1.0"), Value::Float(1.0));
    assert_eq!(value("1e3"), Value::Float(1000.0));
    assert_eq!(value("1e400"), Value::Float(f64::INFINITY));
    assert!(matches!(value("-0.0"), Value::Float(zero) if zero == 0.0 && zero.is_sign_negative()));
}

#[test]
fn what_json_cannot_say_becomes_null() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut out = Vec::new();
        Serializer::Json.encode_value(&Value::List(vec![Value::Float(number), Value::Int(1)]), &mut out);
        assert_eq!(out, b"[null,1]");
    }
}

#[test]
fn bytes_are_strings_of_zero_and_base64() {
    let value = |text: &str| Serializer::Json.decode_value(text.as_bytes()).unwrap();
    assert_eq!(
        value(r#""\u0000EOP/kFMHXFJvX8BtT+N82w==""#),
        Value::Bin(hex("10e3ff9053075c526f5fc06d4fe37cdb"))
    );
    // PHP and others escape slashes; any character may be escaped.
    assert_eq!(
        value(r#""\u0000EOP\/kFMHXFJvX8BtT+N82w==""#),
        Value::Bin(hex("10e3ff9053075c526f5fc06d4fe37cdb"))
    );
    assert_eq!(value(r#""\u0000\u0041A==""#), Value::Bin(vec![0]));
    assert_eq!(value(r#""\u0000""#), Value::Bin(Vec::new()));
    assert_eq!(value(r#""\u0000not base64""#), Value::Str("\0not base64".into()));
    assert_eq!(
        value(r#"{"\u0000AA==":1}"#).as_dict().unwrap().iter().next().unwrap().0,
        "\0AA==",
        "a key is text"
    );
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
