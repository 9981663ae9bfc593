//! The page and its files.

use crate::node::Node;

#[tokio::test]
async fn the_page_is_served_with_headers_that_keep_it_to_itself() {
    let node = Node::start().await;
    let page = node.request("GET /", "", b"").await;
    assert_eq!((page.status, page.field("Content-Type")), (200, "text/html; charset=utf-8"));
    assert!(page.body.contains("data-realm=\"realm1\" data-websocket-path=\"/ws\""));
    assert!(
        page.field("Content-Security-Policy").starts_with("default-src 'self'; connect-src 'self' ws: wss:;")
    );
    assert_eq!(page.field("X-Content-Type-Options"), "nosniff");
    assert_eq!(page.field("Set-Cookie"), "");
    assert_eq!(page.field("Access-Control-Allow-Origin"), "");
}

#[tokio::test]
async fn files_have_the_type_that_nosniff_demands() {
    let node = Node::start().await;
    for (path, content_type) in [
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/page.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        let file = node.request(&format!("GET {path}"), "", b"").await;
        assert_eq!((file.status, file.field("Content-Type")), (200, content_type), "{path}");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let node = Node::start().await;
    let first = node.request("GET /assets/page.js", "", b"").await;
    let etag = first.field("ETag");
    for (tags, status) in
        [(etag.to_owned(), 304), (format!("\"x\", W/{etag}"), 304), ("\"x\"".to_owned(), 200)]
    {
        let again = node.request("GET /assets/page.js", &format!("If-None-Match: {tags}\r\n"), b"").await;
        assert_eq!((again.status, again.body.is_empty()), (status, status == 304), "{tags}");
        assert_eq!(again.field("ETag"), etag);
    }
}

#[tokio::test]
async fn unknown_paths_lead_back_to_the_page() {
    let node = Node::start().await;
    for path in [
        "/nothing",
        "/assets/",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
        "/%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let answer = node.request(&format!("GET {path}"), "", b"").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("<a href=\"/\">"), "{path}");
        assert!(!answer.body.contains("<script"), "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_and_the_right_ones_named() {
    let node = Node::start().await;
    for (line, status, allow) in [
        ("POST /", 405, "GET, HEAD, OPTIONS"),
        ("DELETE /assets/page.js", 405, "GET, HEAD, OPTIONS"),
        ("GET /call", 405, "POST, OPTIONS"),
        ("PUT /publish", 405, "POST, OPTIONS"),
        ("OPTIONS /publish", 204, "POST, OPTIONS"),
    ] {
        let answer = node.request(line, "", b"").await;
        assert_eq!((answer.status, answer.field("Allow")), (status, allow), "{line}");
    }
}
