//! Words that must not be committed.

use super::Report;
use super::tree::File;

const CODE: [&str; 6] = ["rs", "py", "js", "mjs", "sh", "toml"];

/// Word, what must not stand before it, and the rule. Written in two parts, so that this file passes its own check.
const WORDS: [(&str, &str); 7] = [
    (concat!("TO", "DO"), "open an issue, or do it"),
    (concat!("FIX", "ME"), "open an issue, or fix it"),
    (concat!("X", "XX"), "open an issue, or fix it"),
    (concat!("to", "do!("), "nothing unfinished is committed"),
    (concat!("unimple", "mented!("), "nothing unfinished is committed"),
    (concat!("db", "g!("), "debugging output is not committed"),
    (concat!("/wo", "rk/"), "no path of one machine is committed"),
];

pub(super) fn check(tree: &[File], report: &mut Report) {
    for file in tree.iter().filter(|file| file.is(&CODE)) {
        for (number, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            for (word, rule) in WORDS {
                if contains_word(line, word) {
                    report.offence(
                        format_args!("{}:{}", file.path, number + 1),
                        format_args!("{word}: {rule}"),
                    );
                }
            }
        }
    }
}

/// Whether `word` stands in `line` as a word of its own.
fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(is_part) && (!word.ends_with(is_part) || !after.is_some_and(is_part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_on_their_own_only() {
        let word = WORDS[0].0;
        assert!(contains_word(&format!("// {word}: later"), word));
        assert!(!contains_word(&format!("MAS{word}S"), word));
    }

    #[test]
    fn macros_are_found_with_their_parenthesis() {
        let word = WORDS[5].0;
        assert!(contains_word(&format!("let x = {word}y);"), word));
        assert!(!contains_word("log_dbg(y)", word));
    }

    #[test]
    fn the_line_is_named() {
        let text = format!("fine\n// {} this\n", WORDS[1].0);
        let mut report = Report::default();
        check(&[File { path: "a/b.rs".to_owned(), text: Some(text) }], &mut report);
        assert!(report.offences[0].starts_with("a/b.rs:2: "), "{:?}", report.offences);
    }
}
