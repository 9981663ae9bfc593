//! Runs every input that fuzzing has found, `regressions/<target>/<what it is>`, without a fuzzer.

use std::path::Path;

/// A fuzz target by its name.
type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 16] = [
    ("authentication", crossweave_fuzz::authentication),
    ("json", crossweave_fuzz::json),
    ("msgpack", crossweave_fuzz::msgpack),
    ("cbor", crossweave_fuzz::cbor),
    ("ubjson", crossweave_fuzz::ubjson),
    ("flatbuffers", crossweave_fuzz::flatbuffers),
    ("batch", crossweave_fuzz::batch),
    ("uri", crossweave_fuzz::uri),
    ("transcode", crossweave_fuzz::transcode),
    ("ws_frame", crossweave_fuzz::ws_frame),
    ("ws_handshake", crossweave_fuzz::ws_handshake),
    ("rawsocket", crossweave_fuzz::rawsocket),
    ("http1", crossweave_fuzz::http1),
    ("deflate", crossweave_fuzz::deflate),
    ("realm", crossweave_fuzz::realm),
    ("config", crossweave_fuzz::config),
];

#[test]
fn found_inputs_no_longer_fail() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut inputs = 0;
    for target in std::fs::read_dir(folder).unwrap() {
        let target = target.unwrap();
        let name = target.file_name().into_string().unwrap();
        let (_, run) =
            TARGETS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no target {name}"));
        for input in std::fs::read_dir(target.path()).unwrap() {
            let path = input.unwrap().path();
            println!("{}", path.display());
            run(&std::fs::read(path).unwrap());
            inputs += 1;
        }
    }
    assert!(inputs > 0);
}
