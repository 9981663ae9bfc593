//! A path whose service this program does not have.

use crossweave_router::http::{Answering, text};
use http::StatusCode;

use crate::service::{Exchange, WebService};

/// Answers 501 with a sentence that names the type of service.
pub struct NotBuilt {
    sentence: String,
}

impl NotBuilt {
    /// In the place of a service of this type.
    pub fn new(service_type: &str) -> NotBuilt {
        NotBuilt { sentence: format!("web services of type {service_type:?} are not built yet") }
    }
}

impl WebService for NotBuilt {
    fn respond<'a>(&'a self, _: Exchange<'a>) -> Answering<'a> {
        Box::pin(async { text(StatusCode::NOT_IMPLEMENTED, &self.sentence) })
    }
}

/// Answers 404: a `path` service without a service of its own, which hides what is above it.
pub struct Nothing;

impl WebService for Nothing {
    fn respond<'a>(&'a self, _: Exchange<'a>) -> Answering<'a> {
        Box::pin(async { crate::site::not_found() })
    }
}
