use super::*;
use crate::problem::Severity;

/// Types that are known and refused with a reason.
const REFUSED: &[&str] = &["xbrmm", "pairme", "twisted", "onion", "tor"];

#[test]
fn the_configuration_with_every_section_is_correct() {
    let problems = crate::parse(EVERY_SECTION, Format::Json, "every_section.json", Environment::empty())
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert!(problems.warnings.iter().any(|it| it.severity == Severity::NotBuilt));
}

#[test]
fn every_section_is_there() {
    let sections = sections();
    let mut missing = Vec::new();
    for (name, variants) in &sections.by_name {
        for (word, section) in variants {
            let place = format!("{name} ({})", word.as_deref().unwrap_or("no type"));
            if section.required.is_none() && section.any.is_none() {
                missing.push(format!("{place}: nothing was asked of it"));
            }
            for (key, property) in &section.keys {
                let is_open = property.forms.iter().any(|it| matches!(it, Shape::List(_)));
                if is_open && property.items.is_none() {
                    missing.push(format!("{place}: list `{key}` is empty"));
                }
                let is_object = property.forms.iter().any(|it| matches!(it, Shape::Object(_)));
                let known = property.object.as_ref().and_then(|name| sections.by_name.get(name));
                if is_object && known.is_none_or(BTreeMap::is_empty) {
                    missing.push(format!("{place}: object `{key}` is missing"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "every_section.json:\n{}", missing.join("\n"));
}

#[test]
fn every_type_is_there() {
    let sections = sections();
    let mut missing = Vec::new();
    // A testee has one transport only, and so has what passes WebSocket on.
    let is_narrow = |name: &Name| {
        ["transport: a transport", "backend: a connecting transport"].contains(&&*name.to_string())
    };
    for (name, variants) in sections.by_name.iter().filter(|(name, _)| !is_narrow(name)) {
        for section in variants.values() {
            let Some(property) = section.keys.get("type").filter(|_| !variants.contains_key(&None)) else {
                continue;
            };
            for shape in &property.forms {
                let Shape::Words(words) = shape else { continue };
                let is_missing = |word: &&&str| {
                    !REFUSED.contains(*word) && !variants.contains_key(&Some((**word).to_owned()))
                };
                missing.extend(words.iter().filter(is_missing).map(|word| format!("{name}: `{word}`")));
            }
        }
    }
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "every_section.json has no\n{}", missing.join("\n"));
}

#[test]
fn every_key_has_a_form() {
    /// Keys that are answered with a sentence, whatever stands there.
    const ANYTHING: &[&str] = &[
        "manhole",
        "file_id",
        "connections",
        "blockchain",
        "reactor",
        "traceback",
        "debug",
        "debug_traffic",
        "flash_policy",
        "dhparam",
        "ciphers",
        "maxsize",
        "readonly",
        "sync",
        "max-buffer",
        "buffer-flush",
        "config",
        "expose_controller",
        "display_tracebacks",
        "debug_transport_id",
        "address",
        "trustroots",
        "anonymous-proxy",
        "cryptosign-proxy",
    ];
    let sections = sections();
    let mut missing = Vec::new();
    for (name, variants) in &sections.by_name {
        for section in variants.values() {
            let without = section.keys.iter().filter(|(_, property)| property.forms.is_empty());
            missing.extend(
                without.filter(|(key, _)| !ANYTHING.contains(key)).map(|(key, _)| format!("{name}: `{key}`")),
            );
        }
    }
    assert!(missing.is_empty(), "every_section.json has no\n{}", missing.join("\n"));
}
