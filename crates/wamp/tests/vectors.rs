//! Test vectors: the public ones of the WAMP project, and our own in `tests/vectors`, in the same shape.
//!
//! The public vectors are looked for in `shared/vectors` beside or above the workspace, or where `CROSSWEAVE_VECTORS` says.
//! Where they are not, their test says so and passes; our own vectors always run.

#[path = "oracle/oracle.rs"]
mod oracle;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crossweave_wamp::{Message, Serializer};
use serde_json::Value as Json;

#[test]
fn public_vectors_are_read_and_written() {
    let Some(folder) = public_vectors() else {
        // Past the test harness, which keeps what passing tests print to itself.
        let text = b"SKIPPED: no public test vectors; set CROSSWEAVE_VECTORS to the folder that has `singlemessage`\n";
        std::io::stderr().write_all(text).unwrap();
        return;
    };
    let files = check_folder(&folder.join("singlemessage"));
    assert!(files >= 25, "only {files} files of public vectors in {}", folder.display());
}

#[test]
fn our_vectors_are_read_and_written() {
    let files = check_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"));
    assert!(files > 0);
}

fn public_vectors() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("CROSSWEAVE_VECTORS") {
        return Some(folder.into());
    }
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().map(|folder| folder.join("shared/vectors")).find(|folder| folder.is_dir())
}

/// Runs every file below `folder` and says how many there are.
fn check_folder(folder: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += check_folder(&path);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            check_file(&path);
            files += 1;
        }
    }
    files
}

fn check_file(path: &Path) {
    let file: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let samples = file["samples"].as_array().unwrap();
    assert!(!samples.is_empty(), "{} has no samples", path.display());
    for sample in samples {
        let name =
            format!("{}: {}", path.file_name().unwrap().display(), sample["description"].as_str().unwrap());
        for serializer in Serializer::ALL {
            let name = format!("{name} [{serializer}]");
            match sample.get("wmsg") {
                Some(message) => check_validation(&name, serializer, message, sample.get("expected_error")),
                None => check_serialization(&name, serializer, sample),
            }
        }
    }
}

/// Every representation says what is expected, and what we write says the same as one of them.
fn check_serialization(name: &str, serializer: Serializer, sample: &Json) {
    let found = sample["serializers"][serializer.name()].as_array();
    if found.is_none() && serializer == Serializer::FlatBuffers {
        // Autobahn's is the only other implementation, and writes a part of each message. What we write is read below, by way
        // of the other serializers.
        return;
    }
    let representations: Vec<Vec<u8>> = found
        .unwrap_or_else(|| panic!("{name}: none"))
        .iter()
        .filter(|it| is_of(serializer, it))
        .map(bytes)
        .collect();
    assert!(!representations.is_empty(), "{name}: no representation");
    for bytes in &representations {
        let message = Message::decode(serializer, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut expected = sample["expected_attributes"].clone();
        if serializer == Serializer::FlatBuffers && message.kind() == crossweave_wamp::message::Kind::Hello {
            // Autobahn leaves them out: a peer without roles is taken for one with all of them.
            expected["roles"] =
                serde_json::json!({"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}});
        }
        check_attributes(name, &message, &expected);
        let written = message.to_bytes(serializer);
        if serializer != Serializer::FlatBuffers {
            let ours = oracle::decode(serializer, &written)
                .unwrap_or_else(|| panic!("{name}: wrote {written:02x?}"));
            assert_eq!(ours.1, written.len(), "{name}: more than one value written");
            let is_said = |bytes: &Vec<u8>| {
                oracle::decode(serializer, bytes).is_some_and(|theirs| same(&theirs.0, &ours.0))
            };
            assert!(representations.iter().any(is_said), "{name}: wrote {ours:?}");
        }
        if !representations.contains(&written) {
            // Dict order and defaults are free; `cargo test -- --nocapture` shows where we differ.
            println!("{name}: equal in meaning, not in bytes");
        }
        for other in Serializer::ALL {
            let again = message.to_bytes(other);
            let again =
                Message::decode(other, &again).unwrap_or_else(|error| panic!("{name} as {other}: {error}"));
            check_attributes(&format!("{name} as {other}"), &again, &expected);
        }
    }
}

/// Whether a representation is of this serializer: two have one name, and the note tells them apart.
fn is_of(serializer: Serializer, representation: &Json) -> bool {
    let is_bjdata = representation["note"].as_str().is_some_and(|note| note.contains("BJData"));
    match serializer {
        Serializer::Ubjson => !is_bjdata,
        Serializer::BjData => is_bjdata,
        _ => true,
    }
}

/// Equal, with dicts in any order.
fn same(a: &crossweave_wamp::Value, b: &crossweave_wamp::Value) -> bool {
    use crossweave_wamp::Value;
    match (a, b) {
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Dict(a), Value::Dict(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (a, b) => a == b,
    }
}

fn bytes(representation: &Json) -> Vec<u8> {
    if let Some(hex) = representation["bytes_hex"].as_str() {
        return unhex(hex);
    }
    representation["bytes"].as_str().expect("a representation has bytes").as_bytes().to_vec()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A message as a list that is valid, or refused with a text that contains a word.
fn check_validation(name: &str, serializer: Serializer, message: &Json, expected: Option<&Json>) {
    if serializer == Serializer::FlatBuffers {
        // A table cannot be of a wrong shape: there is nothing to write such a list in.
        return;
    }
    let bytes = oracle::encode(serializer, message);
    match (Message::decode(serializer, &bytes), expected) {
        (Ok(_), None) => {}
        (Ok(message), Some(_)) => panic!("{name}: accepted {message:?}"),
        (Err(error), None) => panic!("{name}: refused, {error}"),
        (Err(error), Some(expected)) => {
            assert_eq!(expected["type"], "protocol_violation", "{name}");
            assert_eq!(error.uri(), "wamp.error.protocol_violation", "{name}");
            let word = expected["contains"].as_str().unwrap_or_default();
            assert!(error.message().contains(word), "{name}: {error:?} does not contain {word:?}");
        }
    }
}

/// The names of a message's elements after its type, as the vectors spell them; payload follows.
fn element_names(code: u64) -> &'static [&'static str] {
    match code {
        1 => &["realm", "details"],
        2 => &["session_id", "details"],
        3 | 6 => &["details", "reason"],
        4 => &["method", "extra"],
        5 => &["signature", "extra"],
        8 => &["request_type", "request_id", "details", "error"],
        16 => &["request_id", "options", "topic"],
        17 => &["request_id", "publication_id"],
        32 => &["request_id", "options", "topic"],
        33 | 34 => &["request_id", "subscription_id"],
        35 | 67 => &["request_id", "details"],
        36 => &["subscription", "publication", "details"],
        337 => &["publication_id"],
        48 => &["request_id", "options", "procedure"],
        49 | 69 => &["request_id", "options"],
        50 => &["request_id", "details"],
        64 => &["request_id", "options", "procedure"],
        65 | 66 => &["request_id", "registration_id"],
        68 => &["request_id", "registration_id", "details"],
        70 => &["request_id", "options"],
        other => panic!("unknown message type {other}"),
    }
}

fn payload_of<'m>(message: &'m Message<'_>) -> Option<&'m crossweave_wamp::Payload<'m>> {
    Some(match message {
        Message::Publish(it) => &it.payload,
        Message::Event(it) => &it.payload,
        Message::Call(it) => &it.payload,
        Message::Invocation(it) => &it.payload,
        Message::Yield(it) => &it.payload,
        Message::Result(it) => &it.payload,
        Message::Error(it) => &it.payload,
        _ => return None,
    })
}

/// Compares what was read with `expected_attributes`, by way of our JSON read by serde_json.
fn check_attributes(name: &str, message: &Message<'_>, expected: &Json) {
    let list: Vec<Json> = serde_json::from_slice(&message.to_bytes(Serializer::Json)).unwrap();
    let code = message.kind().code();
    assert_eq!(expected["message_type"], code, "{name}");
    let names = element_names(code);
    for (key, value) in expected.as_object().unwrap() {
        let found = match key.as_str() {
            "message_type" => continue,
            "args" => list.get(names.len() + 1).filter(|it| it.is_array()).cloned(),
            "kwargs" => list.get(names.len() + 2).cloned(),
            "payload" => payload_of(message)
                .filter(|it| it.args_bytes().is_none())
                .and_then(|it| it.opaque_bytes())
                .map(|it| it.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()),
            // HELLO's and WELCOME's details are spread out.
            "roles" => list[2].get("roles").cloned(),
            other => {
                let index = names.iter().position(|name| *name == other);
                list.get(index.unwrap_or_else(|| panic!("{name}: unknown attribute {other}")) + 1).cloned()
            }
        };
        assert_eq!(&found.unwrap_or_default(), value, "{name}: {key}");
    }
}
