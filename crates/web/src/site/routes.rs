//! From a request's path to a service: the longest path wins.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::SiteError;
use crate::service::WebService;

/// Services by path.
pub(super) struct Routes {
    by_path: HashMap<String, Arc<dyn WebService>>,
    /// The most components of a path.
    depth: usize,
}

/// The path of a request, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Decoded, without empty ones.
    pub(super) components: Vec<String>,
    /// Whether it ends with `/`.
    pub(super) is_folder: bool,
}

/// A path that leads nowhere, whatever is served.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPath {
    #[error("the path is not percent-encoded utf-8")]
    Encoding,
    #[error("the path steps up or hides a separator")]
    Step,
}

impl Routes {
    pub(super) fn new(
        services: impl IntoIterator<Item = (String, Arc<dyn WebService>)>,
    ) -> Result<Routes, SiteError> {
        let mut routes = Routes { by_path: HashMap::new(), depth: 0 };
        for (path, service) in services {
            let split = Split::of(&path).ok().filter(|_| path.starts_with('/'));
            let Some(Split { components, .. }) = split else { return Err(SiteError::Path(path)) };
            routes.depth = routes.depth.max(components.len());
            if routes.by_path.insert(joined(&components), service).is_some() {
                return Err(SiteError::Twice(path));
            }
        }
        Ok(routes)
    }

    /// The service with the longest path that these components begin with, that path, and how many of them it has.
    pub(super) fn find(&self, components: &[String]) -> Option<(&str, &dyn WebService, usize)> {
        let longest = components.len().min(self.depth);
        (0..=longest).rev().find_map(|len| {
            let (mount, service) = self.by_path.get_key_value(&joined(&components[..len]))?;
            Some((mount.as_str(), &**service, len))
        })
    }
}

/// `/`, or `/a/b`.
fn joined(components: &[String]) -> String {
    match components {
        [] => "/".to_owned(),
        some => some.iter().flat_map(|component| ["/", component]).collect(),
    }
}

impl Split {
    /// Takes a path apart. Components are decoded once: `%252e` is the text `%2e`, and no step up.
    pub(super) fn of(path: &str) -> Result<Split, BadPath> {
        let mut components = Vec::new();
        for raw in path.split('/').filter(|raw| !raw.is_empty()) {
            let component = percent_decode_str(raw).decode_utf8().map_err(|_| BadPath::Encoding)?;
            match &*component {
                "." => {}
                ".." => return Err(BadPath::Step),
                name if name.contains(['/', '\\', '\0']) => return Err(BadPath::Step),
                name => components.push(name.to_owned()),
            }
        }
        Ok(Split { components, is_folder: path.ends_with('/') })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NotBuilt;

    fn routes(paths: &[&str]) -> Routes {
        let service = |path: &&str| ((*path).to_owned(), Arc::new(NotBuilt::new("x")) as Arc<dyn WebService>);
        Routes::new(paths.iter().map(service)).unwrap()
    }

    #[test]
    fn the_longest_path_wins() {
        let routes = routes(&["/", "/api", "/api/v1/files"]);
        for (path, mount, below) in [
            ("/", "/", 0),
            ("/other/api", "/", 2),
            ("/api", "/api", 0),
            ("/api/", "/api", 0),
            ("/apis", "/", 1),
            ("/%61pi/v1", "/api", 1),
            ("/api/v1/files/a/b", "/api/v1/files", 2),
            ("//api///v1/./files", "/api/v1/files", 0),
        ] {
            let split = Split::of(path).unwrap();
            let (found, _, len) = routes.find(&split.components).unwrap();
            assert_eq!((found, split.components.len() - len), (mount, below), "{path}");
        }
    }

    #[test]
    fn without_a_root_other_paths_have_no_service() {
        let routes = routes(&["/api"]);
        assert!(routes.find(&Split::of("/").unwrap().components).is_none());
        assert!(routes.find(&Split::of("/other").unwrap().components).is_none());
    }

    #[test]
    fn paths_that_step_up_are_bad_however_they_are_written() {
        for path in ["/a/../b", "/%2e%2e/b", "/.%2E", "/a%2fb", "/a%5c..%5cb", "/a%00", "/..\\b"] {
            assert_eq!(Split::of(path), Err(BadPath::Step), "{path}");
        }
        assert_eq!(Split::of("/%ff"), Err(BadPath::Encoding));
        assert_eq!(Split::of("/%252e%252e").unwrap().components, ["%2e%2e"]);
        assert_eq!(Split::of("/...").unwrap().components, ["..."]);
    }

    #[test]
    fn a_path_is_taken_once() {
        let service = || Arc::new(NotBuilt::new("x")) as Arc<dyn WebService>;
        let twice = Routes::new([("/a".to_owned(), service()), ("/a/".to_owned(), service())]);
        assert!(matches!(twice, Err(SiteError::Twice(path)) if path == "/a/"));
        let relative = Routes::new([("a".to_owned(), service())]);
        assert!(matches!(relative, Err(SiteError::Path(path)) if path == "a"));
    }
}
