//! WAMP messages: malformed ones, wrong values, wrong order.

use e2e::wire::frame;

use crate::attack::{Answer, Attack, Opening, run};

/// JSON sent before there is a session.
fn early(name: &'static str, message: impl AsRef<[u8]>, answer: Answer) -> Attack {
    Attack { name, opening: Opening::RawSocket(1), bytes: frame(message.as_ref()), answer }
}

/// JSON sent in a session.
fn later(name: &'static str, message: impl AsRef<[u8]>, answer: Answer) -> Attack {
    Attack { name, opening: Opening::RawSocketSession, bytes: frame(message.as_ref()), answer }
}

#[test]
fn malformed_messages_are_a_protocol_violation() {
    run(vec![
        early("not JSON", "{", Answer::Violation),
        early("a number", "7", Answer::Violation),
        early("an object", "{}", Answer::Violation),
        early("an empty list", "[]", Answer::Violation),
        early("no type", "[\"HELLO\"]", Answer::Violation),
        early("fraction as a type", "[1.5,\"realm1\",{}]", Answer::Violation),
        early("negative type", "[-1]", Answer::Violation),
        early("unknown type", "[999,{}]", Answer::Violation),
        early("type beyond 64 bits", "[99999999999999999999999]", Answer::Violation),
        early("HELLO without details", "[1,\"realm1\"]", Answer::Violation),
        early("HELLO with a number for a realm", "[1,7,{}]", Answer::Violation),
        early("HELLO with a list for details", "[1,\"realm1\",[]]", Answer::Violation),
        early("two messages in one frame", "[1,\"realm1\",{}][1,\"realm1\",{}]", Answer::Violation),
        early("invalid UTF-8", b"[1,\"\xff\",{}]", Answer::Violation),
        early("lone surrogate escape", "[1,\"\\ud800\",{}]", Answer::Violation),
        later("PUBLISH with a string for args", "[16,1,{},\"com.example.a\",\"args\"]", Answer::Violation),
        later("PUBLISH with a list for kwargs", "[16,1,{},\"com.example.a\",[],[]]", Answer::Violation),
        later("CALL with eight elements too many", "[48,1,{},\"a.b\",[],{},1,2,3,4]", Answer::Violation),
        later("request id 0", "[32,0,{},\"com.example.a\"]", Answer::Violation),
        later("request id beyond 2^53", "[32,9007199254740993,{},\"com.example.a\"]", Answer::Violation),
        later("request id as text", "[32,\"1\",{},\"com.example.a\"]", Answer::Violation),
    ]);
}

#[test]
fn messages_out_of_order_are_a_protocol_violation() {
    const HELLO: &str = "[1,\"realm1\",{\"roles\":{\"caller\":{}}}]";
    run(vec![
        early("CALL before HELLO", "[48,1,{},\"com.example.a\"]", Answer::Violation),
        early("GOODBYE before HELLO", "[6,{},\"wamp.close.normal\"]", Answer::Violation),
        early("AUTHENTICATE without CHALLENGE", "[5,\"signature\",{}]", Answer::Violation),
        early("WELCOME from a client", "[2,1,{\"roles\":{}}]", Answer::Violation),
        later("second HELLO", HELLO, Answer::Violation),
        later("AUTHENTICATE in a session", "[5,\"signature\",{}]", Answer::Violation),
        later("CHALLENGE from a client", "[4,\"ticket\",{}]", Answer::Violation),
        later("SUBSCRIBED from a client", "[33,1,2]", Answer::Violation),
        later("EVENT from a client", "[36,1,2,{}]", Answer::Violation),
        later("RESULT from a client", "[50,1,{}]", Answer::Violation),
        later("INVOCATION from a client", "[68,1,2,{}]", Answer::Violation),
        later("ERROR to a request nobody made", "[8,48,1,{},\"a.b\"]", Answer::Violation),
    ]);
}

#[test]
fn realms_that_do_not_exist_are_refused() {
    let realm = |name: &str| format!("[1,\"{name}\",{{\"roles\":{{\"caller\":{{}}}}}}]");
    run(vec![
        early("unknown realm", realm("nowhere"), Answer::Abort("wamp.error.no_such_realm")),
        early("empty realm", realm(""), Answer::Abort("wamp.error.")),
        early("realm with blanks", realm("realm 1"), Answer::Abort("wamp.error.")),
        early("realm of 60,000 bytes", realm(&"r".repeat(60_000)), Answer::Abort("wamp.error.")),
        early("no roles", "[1,\"realm1\",{}]", Answer::Violation),
        early(
            "authmethod nobody offers",
            "[1,\"realm1\",{\"roles\":{\"caller\":{}},\"authmethods\":[\"telepathy\"]}]",
            Answer::Abort("wamp.error."),
        ),
    ]);
}

#[test]
fn uris_beyond_the_bounds_are_refused() {
    const INVALID: Answer = Answer::ErrorOrViolation("wamp.error.invalid_uri");
    let megabyte = "u".repeat(1 << 20);
    let long = "u".repeat(60_000);
    let components = vec!["a"; 20_000].join(".");
    let dots = ".".repeat(50_000);
    run(vec![
        // Larger than any message this node takes.
        later("1 MiB topic", format!("[32,1,{{}},\"{megabyte}\"]"), Answer::Closed),
        later("1 MiB procedure", format!("[48,1,{{}},\"{megabyte}\"]"), Answer::Closed),
        later("60,000-byte topic", format!("[32,1,{{}},\"{long}\"]"), INVALID),
        later("60,000-byte procedure", format!("[48,1,{{}},\"{long}\"]"), INVALID),
        later("20,000 components", format!("[64,1,{{}},\"{components}\"]"), INVALID),
        later("wildcard of dots", format!("[32,1,{{\"match\":\"wildcard\"}},\"{dots}\"]"), INVALID),
        later("blank in a topic", "[32,1,{},\"com.example.a b\"]", INVALID),
        later("number sign in a topic", "[32,1,{},\"com.example#\"]", INVALID),
        later("empty component in an exact topic", "[32,1,{},\"com..a\"]", INVALID),
        later("unknown match policy", "[32,1,{\"match\":\"fuzzy\"},\"com.example.a\"]", Answer::Violation),
    ]);
}
