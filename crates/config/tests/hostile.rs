//! Whatever stands in the file: no panic, bounded work, and every problem has a place inside the file.

use std::time::{Duration, Instant};

use crossweave_config::{Environment, FILE_LEN_MAX, Format, Problems, init_template, parse};

const UNIVERSAL: &str = include_str!("configs/universal.json");
const WEBSOCKET: &str = include_str!("configs/websocket.json");
const EVERY_SECTION: &str = include_str!("../src/schema/every_section.json");
const YAML: &str = include_str!("configs/websocket.yaml");

/// Checks a text, and that everything said about it has a place inside it.
fn check(text: &str, format: Format) -> Problems {
    let problems = parse(text, format, "config", Environment::empty()).map(|checked| checked.warnings);
    let problems = problems.unwrap_or_else(|problems| problems);
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in &problems {
        let place = problem.place.expect("problems of a text have a place");
        let line = lines.get(place.line - 1).unwrap_or_else(|| panic!("no line {}", place.line));
        assert!((1..=line.chars().count() + 1).contains(&place.column), "{problem:?}");
        assert!(problem.range.start <= problem.range.end && problem.range.end <= text.len(), "{problem:?}");
        assert!(problem.path.starts_with('$') && !problem.message.is_empty(), "{problem:?}");
    }
    assert_eq!(problems.to_string().is_empty(), problems.is_empty());
    problems
}

/// A small generator of numbers, the same ones each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Replaces, removes, doubles or inserts something.
fn mutate(text: &str, numbers: &mut Numbers) -> String {
    const PIECES: [&str; 20] = [
        "{", "}", "[", "]", ",", ":", "\"", "null", "true", "-1", "1e99", "\"x\"", "ö", "\n", "*a", "&a ",
        "- ", "|", "#", "§",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(chars.len());
        let piece: Vec<char> = PIECES[numbers.below(PIECES.len())].chars().collect();
        let removed = numbers.below(20).min(chars.len() - at);
        let removed = if numbers.below(2) == 0 { 0 } else { removed };
        chars.splice(at..at + removed, piece);
    }
    chars.into_iter().collect()
}

#[test]
fn every_problem_of_a_damaged_configuration_has_a_place_in_it() {
    let mut numbers = Numbers(2);
    let mut damaged = 0;
    for (text, format) in [
        (init_template(), Format::Json),
        (UNIVERSAL, Format::Json),
        (EVERY_SECTION, Format::Json),
        (WEBSOCKET, Format::Json),
        (YAML, Format::Yaml),
    ] {
        for _ in 0..400 {
            damaged += usize::from(!check(&mutate(text, &mut numbers), format).is_empty());
        }
    }
    assert!(damaged > 800, "only {damaged} were damaged");
}

#[test]
fn a_configuration_cut_off_anywhere_is_refused_with_a_place() {
    for (at, _) in UNIVERSAL.trim_end().char_indices() {
        assert!(!check(&UNIVERSAL[..at], Format::Json).is_empty());
    }
    for (at, _) in YAML.char_indices() {
        check(&YAML[..at], Format::Yaml);
    }
}

#[test]
fn wrong_types_everywhere_are_found_without_a_panic() {
    let mut text = serde_json::from_str::<serde_json::Value>(UNIVERSAL).expect("plain JSON");
    let pointers = pointers(&text, String::new());
    for pointer in pointers {
        for wrong in ["null", "-7", "\"\"", "[[]]", "{\"a\": {}}", "true", "1.5"] {
            let slot = text.pointer_mut(&pointer).expect("it was there");
            let right = std::mem::replace(slot, serde_json::from_str(wrong).expect("JSON"));
            check(&serde_json::to_string_pretty(&text).expect("JSON"), Format::Json);
            *text.pointer_mut(&pointer).expect("it was there") = right;
        }
    }
}

fn pointers(value: &serde_json::Value, pointer: String) -> Vec<String> {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let mut all = match value {
        serde_json::Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| pointers(value, format!("{pointer}/{}", escaped(key))))
            .collect(),
        serde_json::Value::Array(list) => {
            list.iter().enumerate().flat_map(|(n, value)| pointers(value, format!("{pointer}/{n}"))).collect()
        }
        _ => Vec::new(),
    };
    all.push(pointer);
    all
}

#[test]
fn deep_nesting_is_refused() {
    for (text, format) in [
        ("[".repeat(100_000), Format::Json),
        (format!("{{\"version\": 2, \"x\": {}1{}}}", "[".repeat(100), "]".repeat(100)), Format::Json),
        ("{\"a\":".repeat(100_000), Format::Json),
        (format!("x: {}1{}", "[".repeat(100), "]".repeat(100)), Format::Yaml),
        ("[".repeat(100_000), Format::Yaml),
        ("- ".repeat(100_000), Format::Yaml),
    ] {
        let report = check(&text, format).to_string();
        assert!(report.contains("nest deeper than 64 levels"), "{report}");
    }
}

#[test]
fn a_large_file_is_refused() {
    let text = format!("{{\"version\": 2}}{}", " ".repeat(FILE_LEN_MAX));
    assert!(check(&text, Format::Json).to_string().contains("larger than 1048576 bytes"));
    let list = format!("[{}1]", "1,".repeat(200_000));
    assert!(check(&list, Format::Json).to_string().contains("more than 100000 values"));
}

#[test]
fn yaml_aliases_do_not_explode() {
    let mut laughs = "a0: &a0 lol\n".to_owned();
    for n in 1..40 {
        laughs.push_str(&format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1));
    }
    let long = format!("a: &a {}\nb: [{}1]\n", "x".repeat(400_000), "*a, ".repeat(50_000));
    for text in [laughs, long] {
        let report = check(&text, Format::Yaml).to_string();
        assert!(report.contains("more than 100000 values"), "{}", &report[..200.min(report.len())]);
    }
    check("a: &a [*a]\n", Format::Yaml);
}

#[test]
fn the_worst_file_is_checked_within_seconds() {
    let keys: Vec<_> = (0..60_000).map(|n| format!("\"k{n}\":1")).collect();
    let object = format!("{{{}}}", keys.join(","));
    let workers = format!("{{\"version\":2,\"workers\":[{}1]}}", "{},".repeat(90_000));
    let quotes = format!("{{\"version\":2,\"workers\":\"{}\"}}", "ö".repeat(500_000));
    let permissions = format!(
        r#"{{"version":2,"workers":[{{"type":"router","realms":[{{"name":"realm1","roles":[{{"name":"r","permissions":[{}]}}]}}]}}]}}"#,
        (0..30_000).map(|n| format!(r#"{{"uri":"a{n}"}}"#)).collect::<Vec<_>>().join(",")
    );
    for text in [object, workers, quotes, permissions] {
        let started = Instant::now();
        check(&text, Format::Json);
        assert!(started.elapsed() < Duration::from_secs(20), "{} ...: {:?}", &text[..40], started.elapsed());
    }
}
