//! Following messages.

use crossweave_api::error;
use crossweave_api::tracing::*;
use serde_json::json;
use tempfile::TempDir;

use super::driver::Driver;
use super::{ROUTER, session};

pub(super) async fn traces(driver: &mut Driver, folder: &TempDir) {
    let trace_id = || "one".to_owned();
    let options = TraceOptions { uri: Some("com.topic".to_owned()), ..TraceOptions::default() };
    let start = |id: Option<String>, options| StartTrace { trace_id: id, trace_options: Some(options) };
    let started = driver.right(ROUTER, &start(Some(trace_id()), options.clone())).await;
    assert_eq!((started.id.as_str(), started.status.as_str(), started.next_seq), ("one", "running", 0));
    assert_eq!((started.node_id.as_str(), started.worker_id.as_str()), ("the-node", "worker001"));
    assert_eq!((started.persistent_id, started.ended, started.next_period), (None, None, 0));
    driver.wrong(ROUTER, &start(Some(trace_id()), options.clone()), error::ALREADY_RUNNING).await;
    let other =
        |key: &str| TraceOptions { others: [(key.to_owned(), json!(1))].into(), ..TraceOptions::default() };
    let invalid = [
        TraceOptions { matching: Some("prefx".to_owned()), ..options.clone() },
        TraceOptions { types: vec!["PUBLSH".to_owned()], ..options.clone() },
        TraceOptions { limit: 0, ..options.clone() },
        TraceOptions { batching_period: 9, ..options.clone() },
        TraceOptions { trace_level: Some("all".to_owned()), ..options.clone() },
        TraceOptions { duration: Some(86_401), ..options.clone() },
        other("uro"),
    ];
    for options in invalid {
        driver.wrong(ROUTER, &start(None, options), error::INVALID_CONFIGURATION).await;
    }
    let actions = TraceOptions { trace_level: Some("action".to_owned()), ..options.clone() };
    driver.wrong(ROUTER, &start(None, actions), error::FEATURE_UNAVAILABLE).await;

    let guest = session(folder, "a.sock", "one").await;
    guest.publish("com.topic", 5).acknowledged().await.unwrap();
    let data = |from_seq| GetTraceData { trace_id: trace_id(), from_seq, to_seq: None, limit: 9, wait: 0 };
    let seen = driver.right(ROUTER, &data(0)).await;
    let shown: Vec<_> = seen.iter().map(|it| (it.seq, it.msg_type.as_str(), it.session_id)).collect();
    let id = guest.session().id.0;
    assert_eq!(shown, [(0, "PUBLISH", id), (1, "PUBLISHED", id)]);
    assert!(seen[0].args.is_none() && seen[0].payload_len > 0, "payloads were not asked for");
    let told = driver.event("crossbar.worker.worker001.on_trace_data").await;
    assert_eq!((&told[0], &told[1]["period"], &told[1]["first_seq"]), (&json!("one"), &json!(0), &json!(0)));
    assert_eq!(told[2][0], serde_json::to_value(&seen[0]).unwrap(), "it is the same as what is asked for");
    assert!(told[1]["period_start"].as_u64() < told[1]["finished_ts"].as_u64(), "{told}");
    assert_eq!(driver.right(ROUTER, &data(1)).await.len(), 1);
    assert_eq!(driver.right(ROUTER, &GetTraceData { to_seq: Some(1), ..data(0) }).await.len(), 1);
    let waited = GetTraceData { wait: 10, ..data(2) };
    assert_eq!(driver.right(ROUTER, &waited).await.len(), 0);
    driver.wrong(ROUTER, &GetTraceData { limit: 0, ..data(0) }, error::INVALID_ARGUMENT).await;
    driver.wrong(ROUTER, &GetTraceData { wait: 30_001, ..data(0) }, error::INVALID_ARGUMENT).await;

    // One that nobody asks for ends; one whose time is over keeps what it has.
    let idle = TraceOptions { idle_timeout: Some(1), ..TraceOptions::default() };
    let short = TraceOptions { duration: Some(1), ..TraceOptions::default() };
    let idle = driver.right(ROUTER, &start(None, idle)).await;
    let short = driver.right(ROUTER, &start(Some("short".to_owned()), short)).await;
    assert_eq!((idle.id.as_str(), short.id.as_str()), ("trace001", "short"));
    for _ in 0..2 {
        driver.event("crossbar.worker.worker001.on_trace_stopped").await;
    }
    let all = |include_stopped| GetTraces { include_stopped };
    assert_eq!(driver.right(ROUTER, &all(false)).await, ["one"]);
    assert_eq!(driver.right(ROUTER, &all(true)).await, ["one", "short"]);
    let of = |id: &str| GetTrace { trace_id: id.to_owned() };
    assert_eq!(driver.right(ROUTER, &of("short")).await.status, "stopped");
    driver.wrong(ROUTER, &of("trace001"), error::NO_SUCH_OBJECT).await;
    let stop = StopTrace { trace_id: trace_id() };
    let stopped = driver.right(ROUTER, &stop).await;
    assert_eq!((stopped.next_seq, stopped.status.as_str()), (2, "stopped"));
    assert!(stopped.ended.is_some() && stopped.runtime > 0.0);
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &data(0), error::NO_SUCH_OBJECT).await;
}

/// A trace that is written to a file as well, and whose last messages are told when it is stopped.
pub(super) async fn written(driver: &mut Driver, folder: &TempDir) {
    let options = TraceOptions {
        uri: Some("com.written".to_owned()),
        persist: true,
        trace_app_payload: true,
        batching_period: 10_000,
        ..TraceOptions::default()
    };
    let start = StartTrace { trace_id: Some("written".to_owned()), trace_options: Some(options) };
    let started = driver.right(ROUTER, &start).await;
    let guest = session(folder, "a.sock", "one").await;
    guest.publish("com.written", "hello").acknowledged().await.unwrap();
    let stop = StopTrace { trace_id: "written".to_owned() };
    driver.right_with(ROUTER, &stop, &["on_trace_data", "on_trace_stopped"]).await;
    let file = folder.path().join("traces").join(format!("{}.jsonl", started.persistent_id.unwrap()));
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<TraceRecord> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|it| it.msg_type.as_str()).collect::<Vec<_>>(), ["PUBLISH", "PUBLISHED"]);
    assert_eq!(lines[0].args, Some(json!(["hello"])));
}
