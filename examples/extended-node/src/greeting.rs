//! A web service of our own: it greets whoever is named in the path.

use std::sync::Arc;

use crossweave_router::Router;
use crossweave_router::http::{Answering, text};
use crossweave_web::{Exchange, WebService};
use http::{Method, StatusCode};
use serde_json::Value;

/// `GET /PATH/NAME` answers `WORD, NAME!`.
struct Greeting {
    word: String,
    router: Router,
}

/// `extra` of the configuration: `{"word": "Servus"}`.
///
/// # Errors
/// There is no such text.
pub(crate) fn make(router: &Router, extra: &Value) -> Result<Arc<dyn WebService>, String> {
    let word = extra["word"].as_str().ok_or_else(|| format!("extra is {extra}: expected a `word`"))?;
    Ok(Arc::new(Greeting { word: word.to_owned(), router: router.clone() }))
}

impl WebService for Greeting {
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a> {
        Box::pin(async move {
            if *exchange.request.method() != Method::GET {
                return text(StatusCode::METHOD_NOT_ALLOWED, "only GET");
            }
            let [name] = exchange.below.as_slice() else {
                let realms = self.router.realms().join(", ");
                return text(StatusCode::OK, &format!("{}, whoever is on {realms}!", self.word));
            };
            text(StatusCode::OK, &format!("{}, {name}!", self.word))
        })
    }
}
