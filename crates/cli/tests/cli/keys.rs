//! `crossweave keys` and `crossweave keygen`.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::background::run;

fn is_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[test]
fn the_nodes_key_is_made_once_and_the_private_one_shown_if_asked_for() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let shown = run(&["keys", "--cbdir", path]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let public = shown.stdout.lines().last().unwrap().trim().strip_prefix("public: ").unwrap();
    assert!(is_key(public) && !shown.stdout.contains("private:"), "{}", shown.stdout);
    let file = fs::read_to_string(folder.path().join("key.priv")).unwrap();
    let private: Value =
        serde_json::from_str(&run(&["keys", "--cbdir", path, "--json", "--private"]).stdout).unwrap();
    assert_eq!(private["public"], public, "it is the same as before");
    assert!(file.contains(private["private"].as_str().unwrap()));
    let text = run(&["keys", "--cbdir", path, "--private"]).stdout;
    assert!(text.contains(&format!("private: {}", private["private"].as_str().unwrap())), "{text}");
    fs::write(folder.path().join("key.priv"), "nothing").unwrap();
    let broken = run(&["keys", "--cbdir", path]);
    assert_eq!((broken.code, broken.stdout.as_str()), (Some(1), ""));
    assert!(broken.stderr.contains("key.priv holds no `private-key-ed25519`"), "{}", broken.stderr);
}

#[test]
fn pairs_of_keys_are_made_anew_each_time() {
    for kind in [&[][..], &["--cryptosign"]] {
        let text = run(&[&["keygen"], kind].concat()).stdout;
        let lines: Vec<&str> = text.lines().collect();
        let private = lines[0].strip_prefix("  private: ").unwrap();
        let public = lines[1].strip_prefix("   public: ").unwrap();
        assert!(is_key(private) && is_key(public) && private != public, "{text}");
        let other: Value =
            serde_json::from_str(&run(&[&["keygen", "--json"], kind].concat()).stdout).unwrap();
        assert!(is_key(other["private"].as_str().unwrap()) && other["private"] != private);
    }
}
