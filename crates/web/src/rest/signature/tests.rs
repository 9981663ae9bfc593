//! The expected signatures were computed with Python's `hmac` and `base64`.

use super::super::Remembered;
use super::*;

const QUERY: &str = "key=app&timestamp=2026-11-21T08:30:00.000Z&seq=1&nonce=42";

fn options() -> RestOptions {
    let signed = RestOptions::signing_key(Some("app".into()), Some("kkjH68GiuUZ".into())).unwrap();
    RestOptions { signed, ..RestOptions::default() }
}

fn now() -> SystemTime {
    humantime::parse_rfc3339("2026-11-21T08:31:00Z").unwrap()
}

/// The status of a request with this query; 200 where it may go on.
async fn status(options: &RestOptions, query: &str, body: &str) -> u16 {
    let options = RestOptions { remembered: Remembered::in_memory(), ..options.clone() };
    options
        .check_signature(query, body.as_bytes(), now())
        .await
        .map_or_else(|refusal| refusal.status, |()| 200)
}

fn signed(query: &str) -> String {
    format!("{query}&signature=wKbc2CfTXKwnjSv6Fhfq33_A3R4ynJWoBsGMRCN1F_g=")
}

#[tokio::test]
async fn a_signed_request_is_let_in_with_or_without_padding() {
    assert_eq!(status(&options(), &signed(QUERY), "{}").await, 200);
    assert_eq!(status(&options(), signed(QUERY).trim_end_matches('='), "{}").await, 200);
    assert_eq!(status(&options(), &signed(&QUERY.replace(':', "%3A")), "{}").await, 200);
}

#[tokio::test]
async fn another_body_key_time_or_number_is_not() {
    assert_eq!(status(&options(), &signed(QUERY), "{ }").await, 401);
    for (from, to, expected) in [
        ("key=app", "key=other", 401),
        ("seq=1", "seq=2", 401),
        ("nonce=42", "nonce=43", 401),
        (".000Z", ".001Z", 401),
        ("seq=1", "seq=one", 400),
        ("nonce=42", "nonce=", 400),
        ("seq=1&", "", 400),
        ("key=app&", "", 400),
        ("nonce=42", "nonce=42&nonce=42", 400),
        ("2026-11-21", "yesterday", 400),
        ("08:30", "08:20", 400),
        ("08:30", "08:40", 400),
    ] {
        assert_eq!(
            status(&options(), &signed(&QUERY.replace(from, to)), "{}").await,
            expected,
            "{from} -> {to}"
        );
    }
    assert_eq!(status(&options(), QUERY, "{}").await, 400);
    assert_eq!(status(&options(), &format!("{QUERY}&signature="), "{}").await, 401);
}

#[tokio::test]
async fn any_time_is_good_without_a_limit() {
    let options = RestOptions { timestamp_delta_limit_s: 0, ..options() };
    let later = now() + Duration::from_secs(86_400);
    assert!(options.check_signature(&signed(QUERY), b"{}", later).await.is_ok());
    assert_eq!(options.check_signature(&signed(QUERY), b"{}", later).await.unwrap_err().status, 401);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_refused() {
    let options = options();
    assert!(options.check_signature(&signed(QUERY), b"{}", now()).await.is_ok());
    assert_eq!(options.check_signature(&signed(QUERY), b"{}", now()).await.unwrap_err().status, 401);
}

#[tokio::test]
async fn a_request_is_remembered_for_as_long_as_the_most_patient_service_lets_it_in() {
    for patient in [86_400, 0] {
        let hasty = options();
        let patient = RestOptions { timestamp_delta_limit_s: patient, ..hasty.clone() };
        for options in [&hasty, &patient] {
            options.remembered.expect(Duration::from_secs(options.timestamp_delta_limit_s.into()));
        }
        assert!(hasty.check_signature(&signed(QUERY), b"{}", now()).await.is_ok());
        let later = now() + Duration::from_secs(600);
        assert_eq!(patient.check_signature(&signed(QUERY), b"{}", later).await.unwrap_err().status, 401);
    }
}

#[tokio::test]
async fn a_limit_that_is_raised_lets_no_request_in_again() {
    for raised in [3600, 0] {
        let hasty = RestOptions { timestamp_delta_limit_s: 60, ..options() };
        hasty.remembered.expect(Duration::from_secs(60));
        assert!(hasty.check_signature(&signed(QUERY), b"{}", now()).await.is_ok());
        let later = now() + Duration::from_secs(600);
        // Who is told of another one forgets this one, whose time is over.
        assert_eq!(hasty.remembered.remember(&[7; 32], later, later).await, Ok(()));
        let patient = RestOptions { timestamp_delta_limit_s: raised, ..hasty };
        patient.remembered.expect(Duration::from_secs(raised.into()));
        let again = patient.check_signature(&signed(QUERY), b"{}", later).await;
        assert_eq!(again.unwrap_err().status, 400, "{raised}");
    }
}

#[tokio::test]
async fn without_a_secret_nothing_need_be_signed() {
    assert_eq!(status(&RestOptions::default(), "", "{}").await, 200);
}

#[test]
fn webhooks_are_signed_as_github_does() {
    let options = RestOptions { github_secret: Some("It's a Secret to Everybody".into()), ..options() };
    let check = |fields: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, value.parse().unwrap());
        }
        options.check_webhook_signature(&headers, b"Hello, World!").is_ok()
    };
    // The example of GitHub's documentation.
    let sha256 = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert!(check(&[("x-hub-signature-256", sha256)]));
    assert!(check(&[("x-hub-signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59")]));
    assert!(!check(&[
        ("x-hub-signature-256", &sha256.replace('7', "8")),
        ("x-hub-signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59")
    ]));
    assert!(!check(&[("x-hub-signature", "sha1=00")]));
    assert!(!check(&[("x-hub-signature", "sha256=é")]));
    assert!(!check(&[]));
}
