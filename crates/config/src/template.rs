//! Templates: names that are regular expressions with named groups, and texts that use the groups.

use regex::Regex;

use crate::reading::{At, Finding, Reading, nearest, one_of, quoted};

/// The size of a compiled expression, in bytes: far more than names need.
const COMPILED_MAX: usize = 1 << 20;

/// The name of a template: a regular expression for the whole name.
///
/// Names come from clients, and what they make of the template's texts must be what those say: a template is not for a name of
/// which a group matches nothing, or text that means more than itself in a URI, a path or a variable, such as `*`, `/`, `$`,
/// white space or a dot without text on both sides.
#[derive(Debug, Clone)]
pub struct Template {
    /// The expression, as it is written.
    pub pattern: String,
    /// Its named groups (`(?P<user>[a-z]+)`). `{user}` in the texts of the template stands for what the group has matched.
    pub groups: Vec<String>,
    /// The expression for the whole name.
    whole: Regex,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Template {}

impl Template {
    /// Whether this is a name that the template is for.
    pub fn is_match(&self, name: &str) -> bool {
        self.captures(name).is_some()
    }

    /// What the named groups match in a name, if it is one that the template is for.
    pub fn captures(&self, name: &str) -> Option<Vec<(String, String)>> {
        let captures = self.whole.captures(name)?;
        let value = |group: &String| Some((group.clone(), captures.name(group)?.as_str().to_owned()));
        let values: Vec<(String, String)> = self.groups.iter().filter_map(value).collect();
        values.iter().all(|(_, value)| is_plain(value)).then_some(values)
    }

    pub(crate) fn read(reading: &mut Reading<'_>, at: &At<'_>) -> Option<Self> {
        let pattern = reading.text(at)?;
        let template = match Self::new(pattern) {
            Ok(template) => template,
            Err(why) => {
                let expected = "a regular expression, with named groups such as `(?P<user>[a-z]+)`";
                reading.report(at, Finding::error(why).expected(expected));
                return None;
            }
        };
        if ["abc", "z9_q-x", "a.b.c@d"].iter().all(|name| template.is_match(name)) {
            let message = "this template matches every name: whoever can connect can start anything by it";
            reading.report(at, Finding::warning(message).expected("an expression for certain names"));
        }
        Some(template)
    }

    fn new(pattern: String) -> Result<Self, String> {
        let whole = regex::RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
            .size_limit(COMPILED_MAX)
            .build()
            // The pattern alone, so that the error is about what is written.
            .map_err(|error| Regex::new(&pattern).map_or_else(|it| it, |_| error))
            .map_err(|error| format!("this is no regular expression: {}", reason(&error)))?;
        let groups = whole.capture_names().flatten().map(str::to_owned).collect();
        Ok(Self { pattern, groups, whole })
    }
}

/// Whether a text is nothing but components of a URI, wherever it is put.
fn is_plain(value: &str) -> bool {
    let is_of_text = |it: char| it.is_alphanumeric() || "_-.@+:=~!,;&'()".contains(it);
    value.chars().all(is_of_text) && value.split('.').all(|component| !component.is_empty())
}

/// The last line of the parser's report, which says why.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// The names in braces in a text: `{user}`.
pub(crate) fn placeholders(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        names.push(name);
        rest = behind;
    }
    names
}

/// Reports names in braces that no template around is able to fill in. Outside of templates braces mean nothing.
pub(crate) fn check_placeholders(reading: &mut Reading<'_>, at: &At<'_>, text: &str) {
    if reading.groups.is_empty() {
        return;
    }
    for name in placeholders(text) {
        if reading.groups.iter().any(|group| group == name) {
            continue;
        }
        let groups = reading.groups.clone();
        let finding = Finding::error(format!("no template around has a group {}", quoted(name)))
            .expected(one_of(groups.iter().map(String::as_str)))
            .nearest(nearest(name, groups.iter().map(String::as_str)));
        reading.report(at, finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_matches_whole_names_and_hands_out_its_groups() {
        let template = Template::new("realm-(?P<user>[a-z][a-z0-9]{2,8})".to_owned()).expect("it is one");
        assert_eq!(template.groups, ["user"]);
        assert_eq!(template.captures("realm-joe1"), Some(vec![("user".to_owned(), "joe1".to_owned())]));
        for name in ["realm-", "my-realm-joe1", "realm-joe1\n", "realm-joe1.x"] {
            assert!(!template.is_match(name), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_would_change_what_the_texts_mean_matches_no_template() {
        let template = Template::new("realm-(?P<user>.*)(?P<rest>/.*)?".to_owned()).expect("it is one");
        for name in ["joe", "joe.x", "ann@example.com", "jörg", "a-b_c+d"] {
            assert!(template.is_match(&format!("realm-{name}")), "{name:?}");
        }
        for name in [
            "",
            "*",
            "joe*",
            ".",
            "joe.",
            ".joe",
            "a..b",
            "../../etc",
            "$HOME",
            "${HOME}",
            "{user}",
            "a b",
            "a\nb",
            "a#b",
            "a/b",
            "a\\b",
            "a\"b",
            "a\0",
            "a%2f",
        ] {
            assert!(!template.is_match(&format!("realm-{name}")), "{name:?}");
            assert_eq!(template.captures(&format!("realm-{name}")), None, "{name:?}");
        }
    }

    #[test]
    fn alternatives_and_anchors_are_for_the_whole_name_too() {
        let template = Template::new("^abc$|^xyz".to_owned()).expect("it is one");
        assert!(template.is_match("abc") && template.is_match("xyz") && !template.is_match("xyz1"));
    }

    #[test]
    fn what_is_no_expression_is_told_why() {
        let why = Template::new("realm-(?P<user>[a-z".to_owned()).expect_err("a class is open");
        assert_eq!(why, "this is no regular expression: unclosed character class");
        assert!(Template::new("(a{1000}){1000}{1000}".to_owned()).is_err(), "too large");
    }

    #[test]
    fn placeholders_stand_in_braces() {
        assert_eq!(placeholders("com.{user}.x{org}"), ["user", "org"]);
        assert_eq!(placeholders("com.{user"), [""; 0]);
    }
}
