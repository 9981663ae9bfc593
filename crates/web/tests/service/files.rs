//! Files of a folder.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use crossweave_web::{Files, FilesOptions, SiteOptions, WebService};
use tempfile::TempDir;

use crate::node::Node;

/// `www` with some files, and a secret beside it.
fn scratch() -> TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let www = scratch.path().join("www");
    fs::create_dir_all(www.join("sub")).unwrap();
    fs::create_dir_all(www.join("plain")).unwrap();
    fs::create_dir_all(www.join(".well-known")).unwrap();
    fs::write(www.join("index.html"), "<p>home").unwrap();
    fs::write(www.join("sub/index.html"), "<p>sub").unwrap();
    fs::write(www.join("plain/a b.txt"), "0123456789").unwrap();
    fs::write(www.join("plain/note.md"), "# æ").unwrap();
    fs::write(www.join(".hidden"), "secret").unwrap();
    fs::write(www.join(".well-known/x"), "seen").unwrap();
    fs::write(scratch.path().join("secret.txt"), "secret").unwrap();
    symlink("../secret.txt", www.join("link.txt")).unwrap();
    symlink(scratch.path(), www.join("up")).unwrap();
    symlink("plain", www.join("inner")).unwrap();
    scratch
}

async fn serve(scratch: &Path, mount: &'static str, options: FilesOptions) -> Node {
    let files: Arc<dyn WebService> = Arc::new(Files::new(&scratch.join("www"), options).unwrap());
    Node::with_site(SiteOptions::default(), |_| vec![(mount, files)]).await
}

#[tokio::test]
async fn files_are_served_with_their_type_and_may_be_kept() {
    let scratch = scratch();
    let node = serve(scratch.path(), "/", FilesOptions::default()).await;
    for (path, content_type, body) in [
        ("/", "text/html; charset=utf-8", "<p>home"),
        ("/index.html", "text/html; charset=utf-8", "<p>home"),
        ("/sub/", "text/html; charset=utf-8", "<p>sub"),
        ("/plain/a%20b.txt", "text/plain; charset=utf-8", "0123456789"),
        ("/inner/a%20b.txt", "text/plain; charset=utf-8", "0123456789"),
        ("/.well-known/x", "application/octet-stream", "seen"),
    ] {
        let file = node.get(path).await;
        assert_eq!(
            (file.status, file.field("Content-Type"), file.body.as_str()),
            (200, content_type, body),
            "{path}"
        );
        assert_eq!(file.field("Cache-Control"), "public, max-age=43200");
        assert_eq!(file.field("X-Content-Type-Options"), "nosniff");
        assert!(file.field("Last-Modified").ends_with(" GMT"), "{}", file.head);
        let head = node.request(&format!("HEAD {path}"), "", b"").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert_eq!(head.field("Content-Length"), body.len().to_string());
    }
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let scratch = scratch();
    let node = serve(scratch.path(), "/", FilesOptions::default()).await;
    let path = "/plain/a%20b.txt";
    let first = node.get(path).await;
    let (etag, modified) = (first.field("ETag"), first.field("Last-Modified"));
    for (fields, status) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{etag}\r\n"), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {modified}\r\n"), 304),
        ("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".to_owned(), 200),
        (format!("If-Match: {etag}\r\n"), 200),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        ("If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".to_owned(), 412),
    ] {
        assert_eq!(node.request(&format!("GET {path}"), &fields, b"").await.status, status, "{fields}");
    }
    fs::write(scratch.path().join("www/plain/a b.txt"), "other").unwrap();
    let changed = node.request(&format!("GET {path}"), &format!("If-None-Match: {etag}\r\n"), b"").await;
    assert_eq!((changed.status, changed.body.as_str()), (200, "other"));
}

#[tokio::test]
async fn ranges_are_cut_out() {
    let scratch = scratch();
    let node = serve(scratch.path(), "/", FilesOptions::default()).await;
    for (range, status, content_range, body) in [
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=-3", 206, "bytes 7-9/10", "789"),
        ("bytes=8-", 206, "bytes 8-9/10", "89"),
        ("bytes=10-", 416, "bytes */10", ""),
        ("bytes=99999999999999999999-", 416, "bytes */10", ""),
        ("bytes=8-99999999999999999999", 206, "bytes 8-9/10", "89"),
        ("bytes=-100", 200, "", "0123456789"),
        ("bytes=-0", 416, "bytes */10", ""),
        ("bytes=02-004", 206, "bytes 2-4/10", "234"),
        ("bytes=10-5", 200, "", "0123456789"),
        ("bytes=4-2", 200, "", "0123456789"),
        ("bytes=4-+6", 200, "", "0123456789"),
        ("bytes=-", 200, "", "0123456789"),
        ("bytes=a-b", 200, "", "0123456789"),
        ("lines=1-2", 200, "", "0123456789"),
        ("bytes=0-1,3-4", 200, "", "0123456789"),
    ] {
        let part = node.request("GET /plain/a%20b.txt", &format!("Range: {range}\r\n"), b"").await;
        assert_eq!(
            (part.status, part.field("Content-Range"), part.body.as_str()),
            (status, content_range, body),
            "{range}"
        );
    }
    let stale = "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n";
    assert_eq!(node.request("GET /plain/a%20b.txt", stale, b"").await.body, "0123456789");
}

#[tokio::test]
async fn a_range_is_for_get_only() {
    let scratch = scratch();
    let node = serve(scratch.path(), "/", FilesOptions::default()).await;
    let head = node.request("HEAD /plain/a%20b.txt", "Range: bytes=2-4\r\n", b"").await;
    assert_eq!((head.status, head.field("Content-Length"), head.field("Content-Range")), (200, "10", ""));
}

#[tokio::test]
async fn ranges_that_mean_nothing_do_no_harm() {
    let scratch = scratch();
    let node = serve(scratch.path(), "/", FilesOptions::default()).await;
    fs::write(scratch.path().join("www/empty"), "").unwrap();
    for range in [
        "bytes=4-2",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "bytes=-0",
        "bytes=99999999999999999999-",
        "bytes=0-99999999999999999999",
    ] {
        for path in ["/plain/a%20b.txt", "/empty"] {
            let part = node.request(&format!("GET {path}"), &format!("Range: {range}\r\n"), b"").await;
            let is_cut = matches!(part.status, 206 | 416);
            assert!(is_cut || part.status == 200, "{range} of {path}: {}", part.status);
            assert_eq!(is_cut, !part.field("Content-Range").is_empty(), "{range} of {path}: {}", part.head);
        }
    }
}

#[tokio::test]
async fn of_several_conditions_the_entity_tag_counts() {
    let scratch = scratch();
    let node = serve(scratch.path(), "/", FilesOptions::default()).await;
    let path = "/plain/a%20b.txt";
    let first = node.get(path).await;
    let (etag, modified) = (first.field("ETag"), first.field("Last-Modified"));
    let old = "Thu, 01 Jan 1970 00:00:00 GMT";
    for (fields, status) in [
        (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {modified}\r\n"), 200),
        (format!("If-None-Match: {etag}\r\nIf-Modified-Since: {old}\r\n"), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {etag}\r\n"), 304),
        (format!("If-Match: {etag}\r\nIf-Unmodified-Since: {old}\r\n"), 200),
        ("If-Match: *\r\n".to_owned(), 200),
        (format!("If-Match: \"x\"\r\nIf-Match: {etag}\r\n"), 200),
        (format!("If-None-Match: {etag}\r\nRange: bytes=2-4\r\n"), 304),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = node.request(&format!("{method} {path}"), &fields, b"").await;
            assert_eq!(answer.status, status, "{method} {fields}");
            if status == 304 {
                assert_eq!((answer.field("ETag"), answer.body.as_str()), (etag, ""), "{}", answer.head);
                assert_eq!(answer.field("Cache-Control"), "public, max-age=43200");
                assert_eq!(answer.field("Vary"), "Origin", "{}", answer.head);
            }
        }
    }
}

#[tokio::test]
async fn nothing_outside_of_the_folder_is_reached() {
    let scratch = scratch();
    let options = FilesOptions { enable_directory_listing: true, ..FilesOptions::default() };
    let node = serve(scratch.path(), "/files", options).await;
    for path in [
        "/files/../secret.txt",
        "/files/%2e%2e/secret.txt",
        "/files/%2e%2e%2fsecret.txt",
        "/files/..%2fsecret.txt",
        "/files/..%5csecret.txt",
        "/files/%252e%252e/secret.txt",
        "/files/sub/../../secret.txt",
        "/files//etc/passwd",
        "/files/%2fetc%2fpasswd",
        "/files/link.txt",
        "/files/up/secret.txt",
        "/files/up/",
        "/files/.hidden",
        "/files/secret.txt%00.html",
        "/secret.txt",
    ] {
        let answer = node.get(path).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.body.contains("secret") && !answer.body.contains("root:"), "{path}");
    }
}

#[tokio::test]
async fn folders_are_listed_only_where_that_is_asked_for() {
    let scratch = scratch();
    let node = serve(scratch.path(), "/", FilesOptions::default()).await;
    assert_eq!(node.get("/plain/").await.status, 404);
    let options = FilesOptions { enable_directory_listing: true, ..FilesOptions::default() };
    let node = serve(scratch.path(), "/files", options).await;
    let listing = node.get("/files/plain/").await;
    assert_eq!(listing.status, 200);
    assert!(
        listing.body.contains("<li><a href=\"../\">")
            && listing.body.contains("href=\"./a%20b.txt\">a b.txt<")
    );
    assert_eq!(node.get("/files/").await.body, "<p>home");
    fs::remove_file(scratch.path().join("www/index.html")).unwrap();
    let listing = node.get("/files/").await;
    assert!(listing.body.contains("href=\"./sub/\">sub/<"), "{}", listing.body);
    assert!(!listing.body.contains("hidden") && !listing.body.contains("../"), "{}", listing.body);
}

#[tokio::test]
async fn a_folder_has_a_slash_at_its_end() {
    let scratch = scratch();
    let node = serve(scratch.path(), "/files", FilesOptions::default()).await;
    for (path, location) in [("/files", "/files/"), ("/files/sub?x=1", "/files/sub/?x=1")] {
        let answer = node.get(path).await;
        assert_eq!((answer.status, answer.field("Location")), (307, location), "{path}");
    }
    assert_eq!(node.get("/files/index.html/").await.status, 404);
    let node = serve(scratch.path(), "/my files", FilesOptions::default()).await;
    assert_eq!(node.get("/my%20files/sub").await.field("Location"), "/my%20files/sub/");
}

#[tokio::test]
async fn a_default_file_stands_for_all_that_is_not_there() {
    let scratch = scratch();
    let options = FilesOptions { default_file: Some("index.html".into()), ..FilesOptions::default() };
    let node = serve(scratch.path(), "/", options).await;
    for path in ["/deep/link", "/plain/"] {
        let answer = node.get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "<p>home"), "{path}");
    }
}

#[tokio::test]
async fn types_caching_and_origins_are_options() {
    let scratch = scratch();
    let options = FilesOptions {
        mime_types: HashMap::from([(".md".into(), "text/x-note".into())]),
        cache_timeout_s: None,
        allow_cross_origin: false,
        ..FilesOptions::default()
    };
    let node = serve(scratch.path(), "/", options).await;
    let note = node.request("GET /plain/note.md", "Origin: https://example.com\r\n", b"").await;
    assert_eq!((note.field("Content-Type"), note.field("Cache-Control")), ("text/x-note", ""));
    assert_eq!(note.field("Access-Control-Allow-Origin"), "");
    assert_eq!(node.request("POST /plain/note.md", "", b"").await.status, 405);
}

#[test]
fn wrong_options_are_named() {
    let scratch = scratch();
    let www = scratch.path().join("www");
    let error = |folder: &Path, options| Files::new(folder, options).err().unwrap().to_string();
    assert!(error(&www.join("nothing"), FilesOptions::default()).ends_with("nothing\" is no folder"));
    let options = FilesOptions { default_file: Some("../x".into()), ..FilesOptions::default() };
    assert_eq!(error(&www, options), "default file \"../x\" is not in the folder");
    let mime_types = HashMap::from([(".x".into(), "a\nb".into())]);
    let options = FilesOptions { mime_types, ..FilesOptions::default() };
    assert_eq!(error(&www, options), "\"a\\nb\" is no content type (for files that end with \".x\")");
}
