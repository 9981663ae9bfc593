//! JSON with comments and trailing commas.

use jsonc_parser::ast::Value as Ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{
    Document, DuplicateKey, Entry, Item, NESTING_MAX, SyntaxError, VALUES_MAX, Value, without_duplicates,
};

/// JSON as everybody knows it, and on top only comments and trailing commas.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    // The parser itself refuses nesting beyond 512, which bounds its recursion.
    let parsed = parse_to_ast(text, &CollectOptions::default(), &OPTIONS).map_err(|error| explain(&error))?;
    let Some(root) = parsed.value else {
        return Err(SyntaxError::at(text.len()..text.len(), "the file is empty").expected("a JSON object"));
    };
    let mut tree = Tree { duplicates: Vec::new(), values: 0 };
    let root = tree.item(root, 0)?;
    Ok(Document { root, duplicates: tree.duplicates })
}

struct Tree {
    duplicates: Vec<DuplicateKey>,
    values: usize,
}

impl Tree {
    fn item(&mut self, ast: Ast<'_>, depth: usize) -> Result<Item, SyntaxError> {
        let range = ast.range().start..ast.range().end;
        self.values += 1;
        if depth > NESTING_MAX {
            return Err(SyntaxError::too_deep(range));
        }
        if self.values > VALUES_MAX {
            return Err(SyntaxError::too_many(range));
        }
        let value = match ast {
            Ast::NullKeyword(_) => Value::Null,
            Ast::BooleanLit(literal) => Value::Bool(literal.value),
            Ast::NumberLit(literal) => number(literal.value),
            Ast::StringLit(literal) => Value::String(literal.value.into_owned()),
            Ast::Array(array) => {
                let items = array.elements.into_iter().map(|element| self.item(element, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Ast::Object(object) => {
                let mut entries = Vec::with_capacity(object.properties.len());
                for property in object.properties {
                    let key_range = property.name.range().start..property.name.range().end;
                    let key = property.name.into_string();
                    entries.push(Entry { key, key_range, item: self.item(property.value, depth + 1)? });
                }
                Value::Object(without_duplicates(entries, &mut self.duplicates))
            }
        };
        Ok(Item::new(value, range))
    }
}

fn number(text: &str) -> Value {
    text.parse().map_or_else(|_| Value::Number(text.to_owned()), Value::Integer)
}

fn explain(error: &ParseError) -> SyntaxError {
    use ParseErrorKind as Kind;
    let range = error.range().start..error.range().end;
    let (message, expected) = match error.kind() {
        Kind::ExpectedComma => ("a comma is missing here", Some("`,`")),
        Kind::ExpectedColonAfterObjectKey => ("a colon is missing after this key", Some("`:` and a value")),
        Kind::ExpectedObjectValue => ("a key has no value", Some("a value")),
        Kind::ExpectedStringObjectProperty => {
            ("a key is not in double quotes", Some("a key in double quotes"))
        }
        Kind::SingleQuotedStringsNotAllowed => ("a string is in single quotes", Some("double quotes")),
        Kind::UnexpectedWord | Kind::UnexpectedToken => {
            ("this is no value", Some("a value; strings stand in double quotes"))
        }
        Kind::UnterminatedObject => ("this object is never closed", Some("`}`")),
        Kind::UnterminatedArray => ("this list is never closed", Some("`]`")),
        Kind::UnterminatedCommentBlock => ("this comment is never closed", Some("`*/`")),
        Kind::UnexpectedComma => ("this comma has nothing before it", None),
        Kind::MultipleRootJsonValues => {
            ("text follows after the end of the document", Some("the end of the file"))
        }
        Kind::NestingDepthExceeded => return SyntaxError::too_deep(range),
        other => return SyntaxError::at(range, format!("not JSON: {}", lower_first(&other.to_string()))),
    };
    SyntaxError { range, message: message.to_owned(), expected: expected.map(str::to_owned) }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
