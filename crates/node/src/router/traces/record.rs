//! A message as the management API tells it.

use std::sync::Arc;

use crossweave_api::Config;
use crossweave_api::tracing::TraceRecord;
use crossweave_router::{Direction, Tapped};
use crossweave_wamp::{Payload, Value};

use crate::service::to_json;

/// What is told of messages, in their order, up to the first one behind `bytes_max` octets or with this number. Of a payload at most
/// `payload_max` characters.
pub(super) fn records(
    messages: Vec<Arc<Tapped>>,
    payload_max: u32,
    bytes_max: usize,
    to_seq: Option<u64>,
) -> Vec<TraceRecord> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    for message in messages.iter().take_while(|it| to_seq.is_none_or(|to| it.seq < to)) {
        let record = record(message, payload_max as usize);
        bytes += len(&record);
        if bytes > bytes_max && !records.is_empty() {
            break;
        }
        records.push(record);
    }
    records
}

/// Octets that it takes, but for few.
fn len(record: &TraceRecord) -> usize {
    let TraceRecord { correlation_uri, error, authid, authrole, payload_start, args, kwargs, .. } = record;
    let texts = [correlation_uri, error, authid, authrole, payload_start];
    let json = |it: &Option<Config>| it.as_ref().map_or(0, |it| it.to_string().len());
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    // The names of its keys, numbers, and the name of the realm.
    400 + texts + json(args) + json(kwargs)
}

/// What is told of a message; of its payload at most so many characters.
fn record(message: &Tapped, payload_max: usize) -> TraceRecord {
    let Tapped { seq, unix_ms, realm, direction, session, kind, .. } = message;
    let direction = match direction {
        Direction::Received => "received",
        Direction::Sent => "sent",
    };
    let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    let (args, kwargs, payload_start) = match &message.payload {
        Some(payload) => shown(payload, payload_max),
        None => (None, None, None),
    };
    TraceRecord {
        seq: *seq,
        ts: unix_ms.saturating_mul(1_000_000),
        realm: realm.to_string(),
        direction: direction.to_owned(),
        session_id: session.0,
        authid: text(&message.authid),
        authrole: text(&message.authrole),
        msg_type: kind.name().to_owned(),
        correlation_uri: text(&message.uri),
        request: message.request,
        error: message.error.as_deref().map(str::to_owned),
        progress: message.is_progress,
        len: message.len as u64,
        payload_len: message.payload_len as u64,
        args,
        kwargs,
        payload_start,
    }
}

/// Arguments and keyword arguments; or the beginning of both, if they are too long.
fn shown(payload: &Payload<'_>, len_max: usize) -> (Option<Config>, Option<Config>, Option<String>) {
    let args = match (payload.args(), payload.opaque_bytes()) {
        (args, Some(bytes)) if args.is_empty() => to_json(&Value::Bin(bytes)),
        (args, _) => to_json(&Value::List(args)),
    };
    let kwargs = to_json(&Value::Dict(payload.kwargs()));
    let text = format!("{args} {kwargs}");
    match text.char_indices().nth(len_max) {
        Some((end, _)) => (None, None, Some(text[..end].to_owned())),
        None => (Some(args), Some(kwargs), None),
    }
}

#[cfg(test)]
mod tests {
    use crossweave_wamp::{Dict, Serializer};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payload_is_told_whole_or_its_beginning() {
        let kwargs = Dict::new().with("key", "é");
        let payload = Payload::new(Serializer::MsgPack, &[1.into(), "two".into()], &kwargs);
        let (args, kwargs, start) = shown(&payload, 100);
        assert_eq!((args, kwargs, start), (Some(json!([1, "two"])), Some(json!({"key": "é"})), None));
        let (args, kwargs, start) = shown(&payload, 18);
        assert_eq!((args, kwargs, start.as_deref()), (None, None, Some(r#"[1,"two"] {"key":""#)));
        assert_eq!(shown(&Payload::empty(), 100), (Some(json!([])), Some(json!({})), None));
        assert_eq!(shown(&Payload::opaque(Serializer::Cbor, b"x"), 100).0, Some(json!("\u{0}eA==")));
    }
}
