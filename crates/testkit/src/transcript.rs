//! Test cases for a realm as text: what sessions send, and what each of them gets.
//!
//! ```text
//! # A line of comment.
//! realm {"strictness": "strict", "uri_len_max": 20}      options and limits by name, before all else
//! role user {"allow": {"com.": ["call", "publish"]}}      a role; keys of "allow" ending in "." or empty are prefixes
//! role guarded dynamic                                     a role that asks an authorizer
//! join alice                                               joins as role "anonymous", which may do everything
//! join bob {"authrole": "user", "callee": ["call_timeout"]}
//! alice> [32,1,{},"com.x"]                                 alice sends
//! alice< [33,1,$sub]                                       alice gets; $sub is bound here, and any later $sub must equal it
//! alice< [8,32,_,{},"wamp.error.invalid_uri",_]            _ is anything
//! bob> [16,1,{},"com.x",["hello"]]
//! alice< [36,$sub,_,{},["hello"]]
//! +500ms                                                   the clock moves; what is due times out, what is left is done
//! ask alice publish com.x                                  the realm asks
//! answer allow                                             to the oldest question: allow, disclose, conceal, deny or failed
//! alice resumed                                            the driver reads from alice again
//! restart                                                  all sessions are gone; a new realm gets the recorded history, and no roles but "anonymous"
//! leave bob                                                bob's transport is gone
//! presence bob away                                        bob's transport is gone, his session stays: away, silent, or there again
//! close bob wamp.close.system_shutdown                     the router closes bob
//! kill alice wamp.close.killed                             the router ends all sessions of the authid alice; * for all there are
//! unrole user                                              the role is gone, its sessions stay
//! revoke user why                                          the role is gone, and its sessions with it, for this reason
//! undelivered bob 1                                        INVOCATION 1 found no room in bob's queue
//! unreceived alice 1                                       a part of the result of alice's call 1 is too long for her
//! unretained com.x: Events(2)                              what was published to com.x found no room to be retained
//! violation bob what is wrong                              bob sent what is no message
//! bob detached wamp.error.protocol_violation               bob's transport is closed; without a reason it may go on
//! ```
//!
//! The clock starts at 2026-01-01T00:00:00Z. Features of "publisher", "subscriber", "caller" and "callee" can be given when
//! joining; a role without a list has those of a full client.
//!
//! Everything that a step puts out must be expected before the next step; what one session gets is compared in order.
//! `$alice` is the session id of alice. At the end all sessions leave, and the realm must then be empty.

mod pattern;
mod runner;

use std::path::Path;

/// Runs one transcript. The error names the line, what was expected and what came.
pub fn run(text: &str) -> Result<(), String> {
    let mut runner = runner::Runner::default();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            runner.line(line).map_err(|why| format!("line {}: {line}\n{why}", at + 1))?;
        }
    }
    runner.end().map_err(|why| format!("after the last line\n{why}"))
}

/// Runs every `*.wamp` file in a folder and returns how many there were.
///
/// # Panics
///
/// If any fails, with all failures.
pub fn run_folder(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "wamp"));
    files.sort();
    let mut failures = Vec::new();
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        if let Err(why) = run(&text) {
            failures.push(format!("{}: {why}", path.display()));
        }
    }
    assert!(failures.is_empty(), "{} of {} failed\n\n{}", failures.len(), files.len(), failures.join("\n\n"));
    files.len()
}

#[cfg(test)]
mod tests {
    use super::run;

    const SUBSCRIBE: &str = "join alice\nalice> [32,1,{},\"com.x\"]\n";

    fn failure(rest: &str) -> String {
        run(&format!("{SUBSCRIBE}{rest}")).unwrap_err()
    }

    #[test]
    fn what_is_not_expected_fails() {
        assert!(failure("").contains("alice got [33,1,1]"), "{}", failure(""));
        assert!(failure("alice> [32,2,{},\"com.y\"]").contains("alice got"));
    }

    #[test]
    fn what_is_expected_and_does_not_come_fails() {
        assert!(failure("alice< [33,1,_]\nalice< [33,1,_]").contains("nothing"));
    }

    #[test]
    fn a_difference_fails() {
        for expected in ["[33,2,_]", "[33,1]", "[33,1,_,{}]", "[33,1,\"a\"]"] {
            assert!(failure(&format!("alice< {expected}")).contains("expected"), "{expected}");
        }
    }

    #[test]
    fn a_name_keeps_its_value() {
        let again = "alice< [33,1,$s]\nalice> [32,2,{},\"com.y\"]\nalice< [33,2,$s]";
        assert!(failure(again).contains("$s"));
        assert_eq!(
            run(&format!("{SUBSCRIBE}alice< [33,1,$s]\nalice> [32,2,{{}},\"com.x\"]\nalice< [33,2,$s]")),
            Ok(())
        );
    }

    #[test]
    fn an_unknown_line_fails() {
        assert!(failure("alice< [33,1,_]\nalice dances").contains("dances"));
        assert!(failure("alice< [33,1,_]\nbob> [6,{},\"x\"]").contains("bob"));
    }
}
