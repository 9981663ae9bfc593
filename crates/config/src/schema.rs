//! The JSON Schema of the configuration, for editors.
//!
//! It is made by the reader itself: a configuration in which every section is there once, in each of its variants
//! (`schema/every_section.json`), is read while everything that the reader asks for is noted down. So there is no second list
//! of keys that could fall behind the first, and tests see to it that the configuration has every section.

mod section;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::document::{Document, Format};
use crate::environment::Environment;
use crate::node;
use crate::reading::{Reading, Shape, Shapes};
use crate::source::Source;
use section::{Name, Property, Section, Sections};

const EVERY_SECTION: &str = include_str!("schema/every_section.json");

/// Variants of sections that a configuration has once.
const MORE: &str = r#"{
    "version": 2,
    "controller": {"keyring": {"type": "hsm", "driver": "d", "port": "p"}},
    "workers": [{"type": "router", "transports": [{"type": "websocket", "endpoint": {"type": "tcp", "port": 1},
        "auth": {"cryptosign": {"type": "static", "trustroots": {}}}}]}]
}"#;

/// The JSON Schema (draft 7) of a configuration.
///
/// It says what the file must look like. What files refer to, names that must be there and other rules that no schema can say
/// are left to [`parse`](crate::parse).
pub fn schema() -> Json {
    let sections = sections();
    let mut definitions = Map::new();
    for (name, variants) in &sections.by_name {
        definitions.insert(name.slug(), definition(name, variants));
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of a Crossweave or Crossbar.io node, version 2",
        "allOf": [property(&sections.root, true)],
        "definitions": definitions,
    })
}

fn sections() -> Sections {
    Sections::new(&[shapes(EVERY_SECTION), shapes(MORE)])
}

/// What the reader asks of a configuration.
fn shapes(text: &str) -> Shapes {
    let source = Arc::new(Source::new("every_section.json", text));
    let mut reading = Reading::new(&source, Environment::empty(), None);
    reading.shapes = Some(Box::default());
    if let Ok(document) = Document::parse(&source, Format::Json) {
        let root = reading.root(&document);
        node::read(&mut reading, root);
    }
    reading.shapes.take().map_or_else(Shapes::default, |shapes| *shapes)
}

/// An object; if it has a `type`, that decides what else is in it.
fn definition(name: &Name, variants: &BTreeMap<Option<String>, Section>) -> Json {
    let typed: Vec<(&str, &Section)> =
        variants.iter().filter_map(|(word, section)| Some((word.as_deref()?, section))).collect();
    let mut object = match (typed.as_slice(), variants.get(&None)) {
        ([], Some(section)) => section_schema(section, None),
        ([], None) => Map::new(),
        (typed, _) => {
            let words: Vec<&str> = typed.iter().map(|(word, _)| *word).collect();
            let rules: Vec<Json> = typed
                .iter()
                .map(|(word, section)| {
                    let condition = json!({"properties": {"type": {"const": word}}, "required": ["type"]});
                    json!({"if": condition, "then": section_schema(section, Some(word))})
                })
                .collect();
            let base = json!({
                "type": "object", "required": ["type"],
                "properties": {"type": {"enum": words}}, "allOf": rules,
            });
            base.as_object().cloned().unwrap_or_default()
        }
    };
    object.insert("title".to_owned(), Json::from(name.what));
    Json::Object(object)
}

fn section_schema(section: &Section, word: Option<&str>) -> Map<String, Json> {
    let mut object = Map::new();
    object.insert("type".to_owned(), Json::from("object"));
    let any = section.any.as_ref().map(|any| property(any, true));
    if let (Some(any), true) = (&any, section.keys.is_empty()) {
        object.insert("additionalProperties".to_owned(), any.clone());
        return object;
    }
    let required = section.required.clone().unwrap_or_default();
    let mut properties = Map::new();
    for (key, value) in &section.keys {
        let schema = match (*key == "type", word) {
            (true, Some(word)) => json!({"const": word}),
            _ => property(value, required.contains(key)),
        };
        properties.insert((*key).to_owned(), schema);
    }
    object.insert("properties".to_owned(), Json::Object(properties));
    let others = any.unwrap_or_else(|| Json::from(section.is_lenient));
    object.insert("additionalProperties".to_owned(), others);
    if !required.is_empty() {
        object.insert("required".to_owned(), required.iter().copied().collect());
    }
    object
}

/// A value. Null stands for "not set" where a value is not needed.
fn property(property: &Property, is_required: bool) -> Json {
    let is_word = |shape: &Shape| matches!(shape, Shape::Words(_) | Shape::Pattern(_));
    let has_words = property.forms.iter().any(is_word);
    let mut alternatives: Vec<Json> = Vec::new();
    for shape in &property.forms {
        match shape {
            Shape::Any => return json!({}),
            Shape::Null if is_required => {}
            // Only certain texts are meant.
            Shape::Text if has_words => {}
            shape => alternatives.extend(form(shape, property)),
        }
    }
    if let [value, null] = alternatives.as_slice()
        && *null == json!({"type": "null"})
    {
        return or_null(value);
    }
    match alternatives.len() {
        0 => json!({}),
        1 => alternatives.remove(0),
        _ => json!({"anyOf": alternatives}),
    }
}

/// A value or null, written so that editors tell what is wrong with the value.
fn or_null(value: &Json) -> Json {
    let mut nullable = value.clone();
    if let Some(Json::String(kind)) = value.get("type") {
        nullable["type"] = json!([kind, "null"]);
        return nullable;
    }
    if let Some(words) = nullable.get_mut("enum").and_then(Json::as_array_mut) {
        words.push(Json::Null);
        return nullable;
    }
    json!({"if": {"type": "null"}, "else": value})
}

fn form(shape: &Shape, property: &Property) -> Vec<Json> {
    match shape {
        Shape::Bool => vec![json!({"type": "boolean"})],
        Shape::Integer { from, to, unit } if unit.is_empty() => {
            vec![json!({"type": "integer", "minimum": from, "maximum": to})]
        }
        Shape::Integer { from, to, unit } => {
            vec![
                json!({"type": "integer", "minimum": from, "maximum": to, "description": format!("in {unit}")}),
            ]
        }
        Shape::Millis { from, to } => vec![
            json!({"const": 0, "description": "off"}),
            json!({"type": "integer", "minimum": from, "maximum": to, "description": "in milliseconds"}),
        ],
        Shape::Text => vec![json!({"type": "string"})],
        Shape::Pattern(pattern) => vec![json!({"type": "string", "pattern": pattern})],
        Shape::Words(words) => vec![json!({"enum": words})],
        Shape::Object(_) => match &property.object {
            Some(name) => vec![json!({"$ref": format!("#/definitions/{}", name.slug())})],
            None => vec![json!({"type": "object"})],
        },
        Shape::List(what) => {
            let items =
                property.items.as_ref().map_or_else(|| json!({}), |items| self::property(items, true));
            vec![json!({"type": "array", "items": items, "description": what})]
        }
        Shape::Null => vec![json!({"type": "null"})],
        Shape::Any => vec![json!({})],
    }
}

#[cfg(test)]
mod tests;
