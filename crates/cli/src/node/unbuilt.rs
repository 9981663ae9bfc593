//! Web services that a configuration asks for and that are not built yet: their paths answer 501 with one sentence, so that
//! the rest of the node can be used.

use std::pin::Pin;
use std::sync::Arc;

use crossweave_config as config;
use crossweave_router::HttpService;
use crossweave_transport::http::{Request, Response};

/// The services of one transport, by path; those that are built are there as `None`.
struct Unbuilt {
    paths: Vec<(String, Option<&'static str>)>,
}

/// What answers for the services that are not built, if there are any.
pub(super) fn unbuilt(web: &config::Web) -> Option<Arc<dyn HttpService>> {
    let service = |path: &config::WebPath| {
        let name = (!path.service.is_built()).then(|| path.service.type_name());
        (path.path.clone(), name)
    };
    let mut paths: Vec<_> = web.paths.iter().map(service).collect();
    // The longest path that fits answers.
    paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    paths.iter().any(|(_, name)| name.is_some()).then(|| Arc::new(Unbuilt { paths }) as Arc<dyn HttpService>)
}

impl Unbuilt {
    /// The service at a path or above it.
    fn at(&self, path: &str) -> Option<&'static str> {
        let fits = |service: &str| {
            let below = path.strip_prefix(service.trim_end_matches('/'));
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        };
        self.paths.iter().find(|(service, _)| fits(service)).and_then(|(_, name)| *name)
    }
}

impl HttpService for Unbuilt {
    fn respond<'a>(
        &'a self,
        request: &'a Request,
        _body: Vec<u8>,
        _is_tls: bool,
    ) -> Pin<Box<dyn Future<Output = Response> + Send + 'a>> {
        let response = match self.at(&request.path) {
            Some(name) => Response::text(501, &format!("web service {name:?} is not built yet")),
            None => Response::text(404, "nothing is served at this path"),
        };
        Box::pin(async { response })
    }
}

#[cfg(test)]
mod tests {
    use super::Unbuilt;

    #[test]
    fn the_longest_path_that_fits_answers() {
        let path = |path: &str, name| (path.to_owned(), name);
        let unbuilt = Unbuilt {
            paths: vec![path("/api/hook", None), path("/api", Some("caller")), path("/", Some("static"))],
        };
        for (request, expected) in [
            ("/", Some("static")),
            ("/index.html", Some("static")),
            ("/api", Some("caller")),
            ("/api/x/y", Some("caller")),
            ("/apis", Some("static")),
            ("/api/hook", None),
            ("/api/hook/x", None),
        ] {
            assert_eq!(unbuilt.at(request), expected, "{request}");
        }
    }
}
