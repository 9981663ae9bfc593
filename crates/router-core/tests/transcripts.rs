//! Every `*.wamp` file beside this one. Its language is described in the testkit's `transcript`.

use std::path::Path;

#[test]
fn realms_do_what_the_transcripts_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let count = crossweave_testkit::transcript::run_folder(&folder);
    assert!(count >= 60, "only {count} transcripts were found in {}", folder.display());
}
