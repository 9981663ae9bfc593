//! The files of the start page, built into the program.

use crossweave_router::http::{answer, empty};
use http::{HeaderMap, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::reply::{Fields as _, Reply, escape, is_known};

/// The page itself, with `{{name}}` where a fact of the node belongs.
const INDEX: &str = include_str!("../page/index.html");

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, content type and content of everything the page loads.
const FILES: [(&str, &str, &str); 10] = [
    ("/assets/style.css", "text/css; charset=utf-8", include_str!("../page/style.css")),
    ("/assets/icon.svg", "image/svg+xml", include_str!("../page/icon.svg")),
    ("/assets/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/assets/wamp.js", SCRIPT, include_str!("../page/wamp.js")),
    ("/assets/clock.js", SCRIPT, include_str!("../page/clock.js")),
    ("/assets/element.js", SCRIPT, include_str!("../page/element.js")),
    ("/assets/events.js", SCRIPT, include_str!("../page/events.js")),
    ("/assets/forms.js", SCRIPT, include_str!("../page/forms.js")),
    ("/assets/sessions.js", SCRIPT, include_str!("../page/sessions.js")),
    ("/assets/snippets.js", SCRIPT, include_str!("../page/snippets.js")),
];

/// One file, ready to be served.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: String,
    /// A hash of the content, in quotes.
    etag: String,
}

/// All files by path.
pub(crate) struct Assets(Vec<Asset>);

impl Assets {
    /// The files for a page that joins `realm` at `websocket_path`.
    pub(crate) fn new(realm: &str, websocket_path: &str) -> Assets {
        let index =
            INDEX.replace("{{realm}}", &escape(realm)).replace("{{websocket_path}}", &escape(websocket_path));
        let mut assets = vec![Asset::new("/", HTML, index)];
        assets.extend(
            FILES.map(|(path, content_type, content)| Asset::new(path, content_type, content.to_owned())),
        );
        Assets(assets)
    }

    /// The answer to a GET or HEAD of this path; nothing if no file has it.
    pub(crate) fn respond(&self, path: &str, headers: &HeaderMap) -> Option<Reply> {
        let asset = self.0.iter().find(|asset| asset.path == path)?;
        let reply = match is_known(headers, &asset.etag) {
            true => empty(StatusCode::NOT_MODIFIED),
            false => answer(StatusCode::OK, asset.content_type, asset.content.clone()),
        };
        // Kept, but asked for each time: after an update of the program the page is never half old.
        Some(reply.with(header::ETAG, &asset.etag).with(header::CACHE_CONTROL, "no-cache"))
    }

    /// Whether a file has this path.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.0.iter().any(|asset| asset.path == path)
    }
}

impl Asset {
    fn new(path: &'static str, content_type: &'static str, content: String) -> Asset {
        let etag = etag_of(content.as_bytes());
        Asset { path, content_type, content, etag }
    }
}

/// An entity tag for content that does not change.
pub(crate) fn etag_of(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let hex: String = hash.iter().take(12).map(|octet| format!("{octet:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_the_page_names_is_served() {
        let assets = Assets::new("realm1", "/ws");
        let mut named = 0;
        for (path, _, content) in FILES.into_iter().chain([("/", HTML, INDEX)]) {
            for (before, folder) in [("\"/assets/", "/assets/"), ("from \"./", "/assets/")] {
                for rest in content.split(before).skip(1) {
                    let name = rest.split('"').next().unwrap();
                    assert!(assets.contains(&format!("{folder}{name}")), "{path} names {name}");
                    named += 1;
                }
            }
        }
        assert!(named > FILES.len(), "found only {named} names");
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_has_nothing_inline() {
        for (path, _, content) in FILES.into_iter().chain([("/", HTML, INDEX)]) {
            for forbidden in
                ["https://", "src=\"http", "@import", "url(", "innerHTML", "insertAdjacentHTML", "eval("]
            {
                assert!(!content.contains(forbidden), "{path} has {forbidden}");
            }
        }
        for forbidden in [" style=", "<style", " onclick=", " onload="] {
            assert!(!INDEX.contains(forbidden), "the page has {forbidden}");
        }
    }

    #[test]
    fn the_page_names_realm_and_path_of_the_node_escaped() {
        let assets = Assets::new("a\"<b>", "/ws");
        let index = &assets.0[0].content;
        assert!(index.contains("data-realm=\"a&quot;&lt;b&gt;\" data-websocket-path=\"/ws\""));
        assert!(!index.contains("{{"));
    }
}
