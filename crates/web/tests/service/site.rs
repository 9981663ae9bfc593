//! Which service a path has, and what holds for all.

use std::sync::Arc;

use crossweave_web::{
    Json, JsonOptions, NodeInfo, NodeStatus, NotBuilt, Nothing, Redirect, SiteOptions, WebService,
};
use serde_json::json;

use crate::node::Node;

fn named(name: &str) -> Arc<dyn WebService> {
    Arc::new(Json::new(&json!({"service": name}), JsonOptions::default()))
}

async fn node() -> Node {
    Node::with_site(SiteOptions::default(), |_| {
        vec![
            ("/", named("root")),
            ("/api", Arc::new(Nothing)),
            ("/api/v1", named("v1")),
            ("/api/v1/deep/er", named("deeper")),
            ("/old", Arc::new(Redirect::new("https://example.com/new").unwrap())),
            ("/cgi", Arc::new(NotBuilt::new("cgi"))),
        ]
    })
    .await
}

#[tokio::test]
async fn the_longest_path_wins() {
    let node = node().await;
    for (path, service) in [
        ("/", "root"),
        ("/anything/else", "root"),
        ("/api/v1", "v1"),
        ("/api/v1/?query=/api", "v1"),
        ("/%61pi/v1/deep", "v1"),
        ("/api/v1/deep/er/still", "deeper"),
    ] {
        let answer = node.get(path).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, &*format!("{{\"service\":\"{service}\"}}\n")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_path_without_service_is_not_found_and_hides_what_is_above() {
    let node = node().await;
    for path in ["/api", "/api/v2", "/api/"] {
        let answer = node.get(path).await;
        assert_eq!(
            (answer.status, answer.field("Content-Type")),
            (404, "text/html; charset=utf-8"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_service_that_is_not_built_says_so() {
    let answer = node().await.get("/cgi/env.py").await;
    let sentence = "web services of type \"cgi\" are not built yet\n";
    assert_eq!((answer.status, answer.body.as_str()), (501, sentence));
}

#[tokio::test]
async fn a_redirect_holds_for_everything_below() {
    let node = node().await;
    for path in ["/old", "/old/", "/old/page?x=1"] {
        let answer = node.get(path).await;
        assert_eq!((answer.status, answer.field("Location")), (302, "https://example.com/new"), "{path}");
    }
}

#[tokio::test]
async fn bad_paths_are_refused_in_a_sentence() {
    let node = node().await;
    for path in ["/%ff", "/a/%2e%2e/b", "/a%2Fb", "/..%5c..%5cetc"] {
        let answer = node.get(path).await;
        assert_eq!((answer.status, answer.body.lines().count()), (400, 1), "{path}");
    }
}

#[tokio::test]
async fn json_is_kept_by_its_tag_and_may_be_read_by_any_page() {
    let node = node().await;
    let first = node.get("/api/v1").await;
    assert_eq!(first.field("Content-Type"), "application/json");
    assert_eq!(first.field("Access-Control-Allow-Origin"), "*");
    let again = format!("If-None-Match: {}\r\nOrigin: https://example.com\r\n", first.field("ETag"));
    let again = node.request("GET /api/v1", &again, b"").await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.field("Access-Control-Allow-Origin"), "https://example.com");
    let head = node.request("HEAD /api/v1", "", b"").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.field("Content-Length"), first.body.len().to_string());
    let asked = "Origin: https://example.com\r\nAccess-Control-Request-Headers: X-A, b ad\r\n";
    let preflight = node.request("OPTIONS /api/v1", asked, b"").await;
    assert_eq!((preflight.status, preflight.field("Access-Control-Allow-Headers")), (204, "X-A"));
    let refused = node.request("DELETE /api/v1", "", b"").await;
    assert_eq!((refused.status, refused.field("Allow")), (405, "GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn json_heeds_its_options() {
    let options = JsonOptions { prettify: true, allow_cross_origin: false, discourage_caching: true };
    let node = Node::with_site(SiteOptions::default(), |_| {
        vec![("/", Arc::new(Json::new(&json!({"b": [1], "a": "æ"}), options)))]
    })
    .await;
    let answer = node.request("GET /", "Origin: https://example.com\r\n", b"").await;
    assert_eq!(answer.body, "{\n  \"a\": \"æ\",\n  \"b\": [\n    1\n  ]\n}\n");
    assert_eq!(answer.field("Access-Control-Allow-Origin"), "");
    assert!(answer.field("Cache-Control").starts_with("no-store"));
}

#[tokio::test]
async fn hsts_is_not_said_without_tls() {
    let options = SiteOptions { hsts_max_age_s: Some(60), ..SiteOptions::default() };
    let node = Node::with_site(options, |_| vec![("/", named("root"))]).await;
    assert_eq!(node.get("/").await.field("Strict-Transport-Security"), "");
}

#[tokio::test]
async fn the_state_of_the_node_is_a_page_or_json() {
    let status = NodeStatus {
        title: "crossweave <test>".into(),
        started: std::time::SystemTime::UNIX_EPOCH,
        controller_pid: 7,
        workers_by_type: [("router".to_owned(), 2)].into(),
        pubkey: None,
    };
    let info = NodeInfo::new(move || std::future::ready(status.clone()));
    let node = Node::with_site(SiteOptions::default(), |_| vec![("/info", Arc::new(info))]).await;
    let page = node.get("/info").await;
    assert_eq!((page.status, page.field("Content-Type")), (200, "text/html; charset=utf-8"));
    assert!(page.body.contains("<h1>crossweave &lt;test&gt;</h1>"), "{}", page.body);
    assert!(page.body.contains("<dt>Started</dt><dd>1970-01-01T00:00:00Z</dd>"), "{}", page.body);
    let json = node.request("GET /info", "Accept: application/json\r\n", b"").await;
    assert_eq!(json.field("Content-Type"), "application/json");
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!((json["running_workers"].as_u64(), json["controller_pid"].as_u64()), (Some(2), Some(7)));
}
