//! The REST bridge: publishers, callers and webhooks.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use crossweave_client::{Arguments, Invocation, Value, WampError};
use crossweave_router::Router;
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_web::{Caller, Publisher, RestOptions, SiteOptions, WebService, Webhook, WebhookOptions};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::time::timeout;

use crate::node::{DEADLINE, Node};

const HELLO: &str = r#"{"topic":"com.example.hello","args":[1],"kwargs":{"n":2}}"#;

/// A node with all services of the bridge, these options, and a procedure that fails.
async fn node(options: RestOptions) -> Node {
    Node::with_site(SiteOptions::default(), |router: &Router| {
        let router = || router.clone();
        let webhook = WebhookOptions::new("com.example.hook");
        let silent = WebhookOptions::new("not a topic");
        let services: Vec<(&'static str, Arc<dyn WebService>)> = vec![
            ("/publish", Arc::new(Publisher::new(router(), "realm1", "anonymous", options.clone()))),
            ("/call", Arc::new(Caller::new(router(), "realm1", "anonymous", options.clone()))),
            ("/hook", Arc::new(Webhook::new(router(), "realm1", "anonymous", options.clone(), webhook))),
            ("/silent", Arc::new(Webhook::new(router(), "realm1", "anonymous", options, silent))),
            ("/lost", Arc::new(Caller::new(router(), "nowhere", "anonymous", RestOptions::default()))),
        ];
        services
    })
    .await
}

fn signing() -> RestOptions {
    let signed = RestOptions::signing_key(Some("app".into()), Some("secret".into())).unwrap();
    RestOptions { signed, ..RestOptions::default() }
}

/// The query that signs a body.
fn signed(at: SystemTime, nonce: u32, body: &str) -> String {
    let timestamp = humantime::format_rfc3339_millis(at);
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(format!("app{timestamp}7{nonce}{body}").as_bytes());
    let signature = URL_SAFE.encode(mac.finalize().into_bytes());
    format!("key=app&timestamp={timestamp}&seq=7&nonce={nonce}&signature={signature}")
}

#[tokio::test]
async fn what_is_posted_is_published() {
    let node = node(RestOptions::default()).await;
    let mut events = node.client().await.subscribe("com.example.hello").await.unwrap();
    for line in ["POST /publish", "PUT /publish/"] {
        let answer = node.request(line, "", HELLO.as_bytes()).await;
        let event = timeout(DEADLINE, events.next()).await.unwrap().unwrap().unwrap();
        assert_eq!((event.args(), event.kwargs().get("n")), (vec![Value::Int(1)], Some(&Value::Int(2))));
        assert_eq!((answer.status, answer.body), (200, format!("{{\"id\":{}}}\n", event.publication)));
    }
}

#[tokio::test]
async fn what_was_forwarded_is_passed_on_and_proves_nothing() {
    let node = node(RestOptions::default()).await;
    let client = node.client().await;
    let mut events = client.subscribe("com.example.hello").await.unwrap();
    let whom = r#"{"session":7,"authid":"joe","authrole":"user"}"#;
    let body = format!(
        "{{\"topic\":\"com.example.hello\",\"options\":{{\"disclose_me\":true,\"forward_for\":[{whom}]}}}}"
    );
    assert_eq!(node.post("/publish", &body).await.status, 200);
    let event = timeout(DEADLINE, events.next()).await.unwrap().unwrap().unwrap();
    let told: Vec<_> = event.forward_for.iter().map(|it| (it.session.0, it.authid.as_deref())).collect();
    assert_eq!(told, [(7, Some("joe"))]);
    assert_ne!(event.publisher.map(|it| it.0), Some(7), "only a link between routers is believed");
    let tell = |call: Invocation| async move {
        let roles = call.forward_for.iter().map(|it| Value::from(it.authrole.as_str()));
        Ok::<_, WampError>(Arguments::from(roles.collect::<Vec<_>>()))
    };
    let _registration = client.register_dynamic("com.example.tell", tell).await.unwrap();
    let body = format!("{{\"procedure\":\"com.example.tell\",\"options\":{{\"forward_for\":{whom}}}}}");
    let answer = node.post("/call", &body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"args\":[\"user\"],\"kwargs\":{}}\n"));
}

#[tokio::test]
async fn no_list_of_options_ends_the_session_that_all_requests_share() {
    let node = node(RestOptions::default()).await;
    let client = node.client().await;
    let (asked, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let slow = move |_: Invocation| {
        let asked = asked.clone();
        async move {
            asked.send(()).unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok::<_, WampError>(Arguments::from(vec![Value::from(1)]))
        }
    };
    let _registration = client.register_dynamic("com.example.slow", slow).await.unwrap();
    let waits = node.post("/call", r#"{"procedure":"com.example.slow"}"#);
    let others = async {
        hears.recv().await.unwrap();
        let many = vec!["7"; 4097].join(",");
        let whom = r#"{"session":1,"authrole":"user"}"#;
        let hops = vec![whom; 4097].join(",");
        for options in [
            format!("\"eligible\":[{many}]"),
            "\"exclude\":[9007199254740993]".to_owned(),
            format!("\"forward_for\":[{hops}]"),
            r#""forward_for":[{"session":9007199254740993,"authrole":"user"}]"#.to_owned(),
            r#""forward_for":[{"session":1}]"#.to_owned(),
            r#""forward_for":[1]"#.to_owned(),
        ] {
            let body = format!("{{\"topic\":\"com.example.hello\",\"options\":{{{options}}}}}");
            let answer = node.post("/publish", &body).await;
            assert_eq!(answer.status, 400, "{}", answer.body);
        }
        let body = format!("{{\"procedure\":\"com.example.slow\",\"options\":{{\"forward_for\":[{hops}]}}}}");
        assert_eq!(node.post("/call", &body).await.status, 400);
    };
    let (answer, ()) = tokio::join!(waits, others);
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"args\":[1],\"kwargs\":{}}\n"));
}

#[tokio::test]
async fn what_is_posted_is_called_and_errors_are_answers_like_any_other() {
    let node = node(RestOptions::default()).await;
    let callee = node.client().await;
    let fail = |call: Invocation| async move {
        match call.args().is_empty() {
            true => Err(WampError::new("com.example.error").arg("no").kwarg("code", 3)),
            false => Ok(Arguments::from(call.args())),
        }
    };
    let _registration = callee.register_dynamic("com.example.fail", fail).await.unwrap();
    let call = |args| format!("{{\"procedure\":\"com.example.fail\",\"args\":[{args}]}}");
    let answer = node.post("/call", &call("1")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"args\":[1],\"kwargs\":{}}\n"));
    let failed = node.post("/call", &call("")).await;
    let expected = "{\"error\":\"com.example.error\",\"args\":[\"no\"],\"kwargs\":{\"code\":3}}\n";
    assert_eq!((failed.status, failed.body.as_str()), (200, expected));
    let nobody = node.post("/call", r#"{"procedure":"com.example.nobody"}"#).await;
    assert_eq!((nobody.status, nobody.error().as_str()), (200, "wamp.error.no_such_procedure"));
    assert_eq!(node.post("/lost", &call("1")).await.status, 503);
}

#[tokio::test]
async fn errors_have_their_status_where_that_is_asked_for() {
    let node = node(RestOptions { http_errors: true, ..RestOptions::default() }).await;
    assert_eq!(node.post("/call", r#"{"procedure":"com.example.nobody"}"#).await.status, 404);
}

#[tokio::test]
async fn a_call_ends_with_the_timeout_of_the_service() {
    let node = node(RestOptions { timeout: Duration::from_millis(50), ..RestOptions::default() }).await;
    let callee = node.client().await;
    let never = |_: Invocation| async { std::future::pending().await };
    let _never = callee.register_dynamic("com.example.never", never).await.unwrap();
    let answer = node.post("/call", r#"{"procedure":"com.example.never"}"#).await;
    assert_eq!((answer.status, answer.error().as_str()), (200, "wamp.error.timeout"));
}

#[tokio::test]
async fn bad_requests_are_refused_as_crossbar_does() {
    let node = node(RestOptions { post_body_limit: 100, ..RestOptions::default() }).await;
    let long = format!("{{\"topic\":\"{}\"}}", "a".repeat(100));
    for (fields, body, status) in [
        ("Content-Type: text/plain\r\n", HELLO, 400),
        ("Content-Type: application/json; charset=latin-1\r\n", HELLO, 400),
        ("Content-Type: Application/JSON; charset=\"UTF8\"\r\n", HELLO, 200),
        ("", HELLO, 200),
        ("", long.as_str(), 413),
        ("", "[]", 400),
        ("", "{", 400),
        ("", "{\"args\":[]}", 400),
    ] {
        let answer = node.request("POST /publish", fields, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{fields}{body}");
        assert_eq!(answer.json().as_dict().unwrap().get("error").is_some(), status != 200);
        assert_eq!(answer.field("Access-Control-Allow-Origin"), "*");
    }
    assert_eq!(node.request("POST /publish", "", b"{\"topic\":\"\xff\"}").await.status, 400);
    let refused = node.request("GET /publish", "", b"").await;
    assert_eq!((refused.status, refused.field("Allow")), (405, "POST, PUT, OPTIONS"));
    assert_eq!(refused.field("Content-Type"), "application/json", "{}", refused.head);
    assert_eq!(refused.error(), "wamp.error.invalid_argument");
    let asked = "Origin: https://example.com\r\nAccess-Control-Request-Headers: content-type\r\n";
    let preflight = node.request("OPTIONS /publish", asked, b"").await;
    assert_eq!(preflight.field("Access-Control-Allow-Methods"), "POST, PUT, OPTIONS");
    assert_eq!(preflight.field("Access-Control-Allow-Origin"), "https://example.com");
    assert_eq!(preflight.field("Access-Control-Allow-Headers"), "content-type");
}

#[tokio::test]
async fn signed_requests_are_carried_out_once() {
    let node = node(signing()).await;
    let query = signed(SystemTime::now(), 1, HELLO);
    assert_eq!(node.post(&format!("/publish?{query}"), HELLO).await.status, 200);
    let again = node.post(&format!("/publish?{query}"), HELLO).await;
    assert_eq!((again.status, again.error().as_str()), (401, "wamp.error.not_authorized"));
    let next = signed(SystemTime::now(), 2, HELLO);
    assert_eq!(node.post(&format!("/publish?{next}"), HELLO).await.status, 200);
}

#[tokio::test]
async fn unsigned_changed_and_old_requests_are_refused() {
    let node = node(signing()).await;
    let now = SystemTime::now();
    let other = signed(now, 1, "{}");
    let old = signed(now - Duration::from_secs(301), 1, HELLO);
    for (query, status) in [("", 400), (&*other, 401), (&*old, 400), ("key=app&signature=x", 400)] {
        assert_eq!(node.post(&format!("/publish?{query}"), HELLO).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn networks_and_tls_can_be_required() {
    let inside = RestOptions::networks(&["10.0.0.0/8".into(), "127.0.0.1".into()]).unwrap();
    let outside = RestOptions::networks(&["10.0.0.0/8".into(), "::/0".into()]).unwrap();
    for (options, status) in [
        (RestOptions { require_ip: inside, ..RestOptions::default() }, 200),
        (RestOptions { require_ip: outside, ..RestOptions::default() }, 400),
        (RestOptions { require_tls: true, ..RestOptions::default() }, 400),
    ] {
        assert_eq!(node(options).await.post("/publish", HELLO).await.status, status);
    }
    let wrong = RestOptions::networks(&["10.0.0.0/33".into()]).unwrap_err().to_string();
    assert_eq!(wrong, "\"10.0.0.0/33\" in require_ip is no network: write it like 192.168.0.0/24");
    assert!(RestOptions::signing_key(Some("app".into()), None).is_err());
}

#[tokio::test]
async fn webhooks_become_events() {
    let node = node(RestOptions::default()).await;
    let mut events = node.client().await.subscribe("com.example.hook").await.unwrap();
    let fields = "Content-Type: application/x-www-form-urlencoded\r\nX-GitHub-Event: push\r\n";
    let answer = node.request("POST /hook", fields, "payload=æ".as_bytes()).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, "OK"));
    let event = timeout(DEADLINE, events.next()).await.unwrap().unwrap().unwrap();
    let args = event.args();
    let told = args[0].as_dict().unwrap();
    assert_eq!(told.str("body"), Some("payload=æ"));
    let kind = told.dict("headers").unwrap().get("X-Github-Event").unwrap();
    assert_eq!(kind.as_list().unwrap(), [Value::from("push")]);
    let failed = node.request("POST /silent", "", b"x").await;
    assert_eq!((failed.status, failed.body.as_str()), (500, "NOT OK"));
}

#[tokio::test]
async fn webhooks_can_be_required_to_be_signed() {
    let options = RestOptions { github_secret: Some("secret".into()), ..RestOptions::default() };
    let node = node(options).await;
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(b"{}");
    let hex: String = mac.finalize().into_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
    let fields = format!("X-Hub-Signature-256: sha256={hex}\r\n");
    assert_eq!(node.request("POST /hook", &fields, b"{}").await.status, 202);
    assert_eq!(node.request("POST /hook", &fields, b"{ }").await.status, 400);
    assert_eq!(node.request("POST /hook", "", b"{}").await.status, 400);
}

#[tokio::test]
async fn pages_can_be_kept_to_their_own_origin() {
    let node = node(RestOptions { origins: OriginPolicy::SameOrigin, ..RestOptions::default() }).await;
    let foreign = "Origin: https://example.com\r\n";
    for line in ["POST /publish", "OPTIONS /publish", "POST /hook"] {
        let refused = node.request(line, foreign, HELLO.as_bytes()).await;
        assert_eq!((refused.status, refused.field("Access-Control-Allow-Origin")), (403, ""), "{line}");
        assert_eq!(refused.error(), "wamp.error.not_authorized", "{line}: {}", refused.body);
    }
    let own = format!("Origin: {}\r\n", node.origin());
    assert_eq!(node.request("POST /publish", &own, HELLO.as_bytes()).await.status, 200);
}
