//! Methods that are none of WAMP's: those of the program itself. Not in Crossbar.io.

use super::Function;
use crate::document::Value;
use crate::reading::{At, Fields, Finding, METHOD_NAME, Reading, is_method_name, nearest, one_of, quoted};

/// `auth.NAME`: a method of the program's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMethod {
    /// The key: the name by which clients offer it.
    pub name: String,
    /// `create`: what does it, by its name in the registry of the program. Needed.
    pub create: String,
}

/// Reads what nothing else in `auth` is called, if it has the form of such a method.
pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<OwnMethod> {
    let known = reading.host.map(|host| host.login_methods());
    if known.as_ref().is_some_and(Vec::is_empty) {
        return Vec::new();
    }
    let mut methods = Vec::new();
    for (name, at) in fields.others() {
        let has_form = at
            .peek("type")
            .is_some_and(|at| matches!(&at.item.value, Value::String(word) if word == "function"));
        if !has_form {
            continue;
        }
        fields.claim(name);
        if !is_method_name(name) {
            let message = format!("no authentication method can be called {}", quoted(name));
            reading.report(&at, Finding::error(message).expected(METHOD_NAME));
        }
        methods.extend(own(reading, name, at, known.as_deref()));
    }
    methods
}

fn own(reading: &mut Reading<'_>, name: &str, at: At<'_>, known: Option<&[String]>) -> Option<OwnMethod> {
    let mut fields = reading.object(at, "an authentication method of the program")?;
    let at = fields.required(reading, "type")?;
    reading.word(&at, &[("function", ())]);
    let Function { create } = Function::read(reading, &mut fields);
    if let (Some(known), Some(at)) = (known.filter(|_| !reading.is_disabled), fields.get("create"))
        && !create.is_empty()
        && !known.contains(&create)
    {
        let names = || known.iter().map(String::as_str);
        let message = format!("no login method {} is part of this program", quoted(&create));
        let finding = match known.is_empty() {
            true => Finding::error(format!("{message}, and no other is")),
            false => Finding::error(message).expected(one_of(names())).nearest(nearest(&create, names())),
        };
        reading.report(&at, finding);
    }
    fields.finish(reading);
    Some(OwnMethod { name: name.to_owned(), create })
}
