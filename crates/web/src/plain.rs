//! Pages without files of their own: what a node tells of itself, a folder, and what is not there.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use crate::reply::escape;

/// How they look: by the system's font, in its colours, from a telephone on.
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
     h1{font-size:1.5rem;overflow-wrap:anywhere}dt{font-weight:600}dd{margin:0 0 .75rem;overflow-wrap:anywhere}\
     ul{padding-left:1.25rem}li{padding:.15rem 0;overflow-wrap:anywhere}";

/// A page of a heading, which is text, and a body, which is HTML.
pub(crate) fn page(heading: &str, body: &str) -> String {
    let heading = escape(heading);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <link rel=\"icon\" href=\"data:,\"><title>{heading}</title><style>{STYLE}</style></head>\n\
         <body><h1>{heading}</h1>\n{body}</body></html>\n"
    )
}

/// `Content-Security-Policy` of such a page: it loads nothing, and has no style but its own.
pub(crate) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = BASE64.encode(Sha256::digest(STYLE));
        format!("default-src 'none'; img-src data:; style-src 'sha256-{hash}'; frame-ancestors 'none'")
    });
    &POLICY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_the_style_of_the_page_and_no_other() {
        let page = page("a & b", "<p>x</p>");
        let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
        let hash = BASE64.encode(Sha256::digest(style));
        assert!(policy().contains(&format!("style-src 'sha256-{hash}';")), "{}", policy());
        assert!(page.contains("<title>a &amp; b</title>") && page.contains("<h1>a &amp; b</h1>"), "{page}");
    }
}
