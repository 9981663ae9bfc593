//! Links in Markdown that lead nowhere: to a file that is not there, or to a heading that a file does not have.

use std::collections::{HashMap, HashSet};

use super::Report;
use super::tree::File;

pub(super) fn check(tree: &[File], report: &mut Report) {
    let pages: HashMap<&str, HashSet<String>> =
        tree.iter().filter(|file| file.is(&["md"])).map(|file| (&*file.path, anchors(text(file)))).collect();
    for file in tree.iter().filter(|file| file.is(&["md"])) {
        for (number, line) in prose(text(file)) {
            for target in targets(line) {
                if let Some(rule) = broken(tree, &pages, &file.path, target) {
                    report.offence(format_args!("{}:{number}", file.path), rule);
                }
            }
        }
    }
}

fn text(file: &File) -> &str {
    file.text.as_deref().unwrap_or_default()
}

/// What is wrong with the target of a link in the file `from`; nothing for what is on another machine.
fn broken(tree: &[File], pages: &HashMap<&str, HashSet<String>>, from: &str, target: &str) -> Option<String> {
    if target.contains(':') {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { from.to_owned() } else { resolve(from, file) };
    let folder = format!("{path}/");
    if !tree.iter().any(|it| it.path == path || it.path.starts_with(&folder)) {
        return Some(format!("links to {target}, which is not there"));
    }
    let lacks_it = pages.get(&*path).is_some_and(|anchors| !anchor.is_empty() && !anchors.contains(anchor));
    lacks_it.then(|| format!("links to {target}, and there is no such heading"))
}

/// The path of a relative link in the file `from`.
fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The numbered lines that are no code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of the links in a line, but for what is in backticks.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    let mut pieces = Vec::new();
    for (at, found) in line.match_indices(['`', ']']) {
        match found {
            "`" => is_code = !is_code,
            _ if !is_code => pieces.push(&line[at + 1..]),
            _ => {}
        }
    }
    pieces.into_iter().filter_map(|rest| rest.strip_prefix('(')?.split_once(')').map(|(target, _)| target))
}

/// The names by which the headings of a page can be linked to.
fn anchors(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let name = anchor(title);
        // A second heading of the same name is numbered.
        let numbered = (1..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

/// The name of a heading, as forges make it: what is neither letter nor digit goes, but for hyphens.
fn anchor(title: &str) -> String {
    let mut name = String::new();
    for (at, piece) in title.split("](").enumerate() {
        // Of a link counts its text.
        let piece = if at > 0 { piece.split_once(')').map_or(piece, |(_, rest)| rest) } else { piece };
        name.push_str(piece);
    }
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    name.trim().to_lowercase().chars().filter(is_kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(line: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: Some(text.to_owned()) };
        let page =
            "# A\n## `endpoint.tls`\n## keys and keygen\n## \"type\": [x](y.md)\n## a\n```\n# code\n```\n";
        let tree = [
            file("docs/page.md", page),
            file("docs/from.md", &format!("{line}\n")),
            file("examples/hello/hello.js", ""),
        ];
        let mut report = Report::default();
        check(&tree, &mut report);
        report.offences
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        for line in [
            "[a](page.md), [b](page.md#a), [c](page.md#a-1), [d](page.md#endpointtls)",
            "[`keygen`](page.md#keys-and-keygen), [e](page.md#type-x), [f](../examples/hello)",
            "[g](https://example.com/none#none), `[h](none.md)`, [not] (a link)",
        ] {
            let mut found = offences(line);
            // The page itself links to y.md.
            found.retain(|it| !it.contains("y.md"));
            assert_eq!(found, Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn links_that_lead_nowhere_are_refused() {
        for line in
            ["[a](none.md)", "`x` [b](page.md#none)", "[c](#none)", "[d](page.md#code)", "[e](../hello)"]
        {
            let found = offences(line);
            assert!(found.iter().any(|it| it.starts_with("docs/from.md:1: links to ")), "{line}: {found:?}");
        }
    }
}
