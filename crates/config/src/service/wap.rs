//! `wap`: pages made of what procedures answer.

use super::files::StaticSource;
use super::rules::acts_as;
use crate::document::Value;
use crate::permission::{self, Matching};
use crate::reading::{At, Fields, Finding, Reading, quoted};
use crate::transport::Surroundings;

/// `"type": "wap"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wap {
    /// `templates`. Needed.
    pub templates: WapTemplates,
    /// `sandbox`: whether templates may only do what is harmless. Default: true.
    pub sandbox: bool,
    /// `routes`. Needed.
    pub routes: Vec<WapRoute>,
    /// `wamp.realm`: the realm it calls in. Needed.
    pub realm: String,
    /// `wamp.authrole`: the role it calls in. Needed.
    pub role: String,
}

/// `templates`: Jinja2 templates: a directory, or `package` and `resource`.
pub type WapTemplates = StaticSource;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WapRoute {
    /// `path`: the path, with variables in `<` and `>`. Needed.
    pub path: String,
    /// `method`: `GET` or `POST`. Default: `GET`.
    pub method: &'static str,
    /// `call`: the procedure that is called with the variables. Null for none. Default: none.
    pub call: Option<String>,
    /// `render`: the template of the page. Needed.
    pub render: String,
}

impl Wap {
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Self> {
        let templates = fields.required(reading, "templates").and_then(|at| templates(reading, at));
        let sandbox = fields.bool(reading, "sandbox", true);
        let list = fields.required(reading, "routes");
        let list = list.map_or_else(Vec::new, |at| reading.elements(&at, "a list of routes"));
        let routes = list.into_iter().filter_map(|at| WapRoute::read(reading, at)).collect();
        let as_whom = fields.required(reading, "wamp").and_then(|at| {
            let mut fields = reading.object(at, "as whom it calls")?;
            let as_whom = acts_as(reading, &mut fields, around, "authrole");
            fields.finish_lenient(reading);
            as_whom
        });
        let (realm, role) = as_whom?;
        Some(Self { templates: templates?, sandbox, routes, realm, role })
    }
}

fn templates(reading: &mut Reading<'_>, at: At<'_>) -> Option<WapTemplates> {
    match at.item.value {
        Value::Object(_) => {
            let mut fields = reading.object(at, "where the templates are")?;
            let source = StaticSource::read(reading, &mut fields);
            fields.finish(reading);
            source
        }
        _ => reading.existing_directory(&at).map(StaticSource::Directory),
    }
}

impl WapRoute {
    fn read(reading: &mut Reading<'_>, at: At<'_>) -> Option<Self> {
        let mut fields = reading.object(at, "a route")?;
        let path = fields.required(reading, "path").and_then(|at| {
            let path = reading.text(&at)?;
            if !path.starts_with('/') {
                let message = format!("{} is not a path", quoted(&path));
                reading.report(&at, Finding::error(message).expected("a path that begins with `/`"));
            }
            Some(path)
        });
        let method = fields.word(reading, "method", &[("GET", "GET"), ("POST", "POST")]).unwrap_or("GET");
        let call = fields.text(reading, "call");
        if let (Some(at), Some(call)) = (fields.get("call"), &call) {
            permission::check(reading, &at, call, Matching::Exact);
        }
        let render = fields.required(reading, "render").and_then(|at| reading.text(&at));
        fields.finish_lenient(reading);
        Some(Self { path: path?, method, call, render: render? })
    }
}
