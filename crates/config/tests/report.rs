//! What a report looks like, and what it never shows.

use crossweave_config::{Environment, Format, PROBLEMS_MAX, Problems, parse};

fn problems(text: &str, format: Format) -> Problems {
    parse(text, format, "config.json", Environment::empty())
        .map(|checked| checked.warnings)
        .unwrap_or_else(|p| p)
}

#[test]
fn a_report_shows_the_line_a_caret_and_the_nearest_word() {
    let report = problems("{\n  \"version\": 2,\n  \"wrokers\": []\n}", Format::Json).to_string();
    let expected = "\
error: unknown key `wrokers` in a node configuration
 --> config.json:3:3
  |
3 |   \"wrokers\": []
  |   ^^^^^^^^^ did you mean `workers`?
  |
  = note: at $.wrokers
  = help: expected one of `$schema`, `version`, `controller`, `workers`";
    assert_eq!(report, expected);
}

#[test]
fn of_a_very_long_line_only_what_is_around_is_shown() {
    let text = format!("{{\"version\": 2,{}\"wrokers\": []}}", " ".repeat(100_000));
    let report = problems(&text, Format::Json).to_string();
    assert!(
        report.contains("config.json:1:100015") && report.contains("did you mean `workers`?"),
        "{report}"
    );
    assert!(report.len() < 1_000, "{report}");
}

#[test]
fn the_machine_form_has_every_part() {
    let json = problems("{\"version\": 2, \"wrokers\": []}", Format::Json).to_json();
    let list: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(
        list,
        serde_json::json!([{
            "file": "config.json",
            "severity": "error",
            "place": {"line": 1, "column": 16},
            "path": "$.wrokers",
            "message": "unknown key `wrokers` in a node configuration",
            "expected": "one of `$schema`, `version`, `controller`, `workers`",
            "nearest": "workers"
        }])
    );
}

#[test]
fn colours_are_for_terminals_only() {
    let problems = problems("{}", Format::Json);
    assert!(problems.styled().contains('\u{1b}'));
    assert!(!problems.to_string().contains('\u{1b}'));
}

#[test]
fn secrets_are_never_shown() {
    let one_line = r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "websocket", "endpoint": {"type": "tcp", "port": 1}, "auth": {"ticket": {"type": "static", "principals": {"joe": {"ticket": "xyzzy", "role": "user"}}}, "wampcra": {"type": "static", "users": {"ann": {"secret": "xyzzy"}}}}}]}]}"#;
    let broken = "{\"version\": 2, \"x\": {\"secret\": \"xyzzy\" \"role\": 1}}";
    let yaml = "version: 2\nworkers: [{type: router, x: {ticket: xyzzy}}]\n";
    for (text, format) in [(one_line, Format::Json), (broken, Format::Json), (yaml, Format::Yaml)] {
        let problems = problems(text, format);
        assert!(!problems.is_empty());
        for shown in [problems.to_string(), problems.styled(), problems.to_json(), format!("{problems:?}")] {
            assert!(!shown.contains("xyzzy"), "{shown}");
        }
    }
}

#[test]
fn text_of_the_file_cannot_steer_the_terminal() {
    let text = "{\"version\": 2, \"a\\u001b[31m\": 1, \"b\u{202e}\": \"\\u0007\", \"controller\": {\"id\": \"\\u001b]0;x\"}}";
    let report = problems(text, Format::Json).to_string();
    assert!(!report.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{report:?}");
}

#[test]
fn a_file_full_of_problems_gives_a_short_report() {
    let keys: Vec<_> = (0..5_000).map(|n| format!("\"key{n}\": 1")).collect();
    let problems = problems(&format!("{{\"version\": 2, {}}}", keys.join(", ")), Format::Json);
    assert_eq!((problems.len(), problems.left_off()), (PROBLEMS_MAX, 5_000 - PROBLEMS_MAX));
    assert!(problems.to_string().ends_with("and 4900 more problems"));
}
