//! Environment variables, handed in, so that a check is a function of its arguments.

/// Looks environment variables up.
#[derive(Clone, Copy)]
pub struct Environment<'e> {
    lookup: &'e dyn Fn(&str) -> Option<String>,
}

impl<'e> Environment<'e> {
    /// Variables found by a function of the caller.
    pub fn new(lookup: &'e dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup }
    }

    /// The variables of this process. A variable that is not UTF-8 counts as not set.
    pub fn process() -> Environment<'static> {
        Environment { lookup: &|name| std::env::var(name).ok() }
    }

    /// No variables at all.
    pub fn empty() -> Environment<'static> {
        Environment { lookup: &|_| None }
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
    }
}

/// The variable that a value consists of: `$NAME` or `${NAME}`, whole.
pub(crate) fn whole_variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    (!name.is_empty() && name.bytes().all(is_name)).then_some(name)
}

/// A part of a text in which variables may stand anywhere.
#[derive(Debug, PartialEq)]
pub(crate) enum Part<'t> {
    Text(&'t str),
    Variable(&'t str),
}

/// Splits a text at its `$NAME` and `${NAME}`.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let after = &rest[dollar + 1..];
        let (name, used) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end = after.bytes().position(|byte| !is_name(byte)).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        if name.is_empty() || !name.bytes().all(is_name) {
            parts.push(Part::Text(&rest[..=dollar]));
            rest = after;
            continue;
        }
        parts.push(Part::Text(&rest[..dollar]));
        parts.push(Part::Variable(name));
        rest = &after[used..];
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| *part != Part::Text(""));
    parts
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_whole_or_inside_a_text() {
        assert_eq!(whole_variable("$PORT"), Some("PORT"));
        assert_eq!(whole_variable("${PORT}"), Some("PORT"));
        assert_eq!(whole_variable("8080"), None);
        assert_eq!(whole_variable("${}"), None);
        use Part::{Text, Variable};
        assert_eq!(
            parts("/run/$USER/a${N}.sock"),
            [Text("/run/"), Variable("USER"), Text("/a"), Variable("N"), Text(".sock")]
        );
        assert_eq!(parts("a$"), [Text("a$")]);
        assert_eq!(parts("$$A"), [Text("$"), Variable("A")]);
        assert_eq!(parts("${a b}"), [Text("$"), Text("{a b}")]);
    }
}
