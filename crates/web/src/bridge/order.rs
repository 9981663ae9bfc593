//! What a body asks for.
//!
//! Every member is checked, also those of `options`: an option that would not be carried out is refused, not ignored.

use std::time::Duration;

use crossweave_wamp::id::ID_MAX;
use crossweave_wamp::limits::LIST_LEN_MAX;
use crossweave_wamp::message::{ForwardFor, PublishOptions, Receivers};
use crossweave_wamp::{Dict, Serializer, SessionId, Value};

use super::answer::Refusal;
use super::{CALL_TIMEOUT_DEFAULT, CALL_TIMEOUT_MAX, KWARGS_MAX};

/// A call to be made.
#[derive(Debug, PartialEq)]
pub(crate) struct CallOrder {
    pub(crate) procedure: String,
    pub(crate) args: Vec<Value>,
    pub(crate) kwargs: Dict,
    pub(crate) timeout: Duration,
    pub(crate) forward_for: Vec<ForwardFor>,
}

/// An event to be published.
#[derive(Debug, PartialEq)]
pub(crate) struct PublishOrder {
    pub(crate) topic: String,
    pub(crate) args: Vec<Value>,
    pub(crate) kwargs: Dict,
    pub(crate) options: PublishOptions,
}

impl CallOrder {
    pub(crate) fn parse(body: &[u8]) -> Result<CallOrder, Refusal> {
        CallOrder::parse_with(body, CALL_TIMEOUT_DEFAULT)
    }

    /// With another timeout where the body does not say.
    pub(crate) fn parse_with(body: &[u8], default: Duration) -> Result<CallOrder, Refusal> {
        let mut body = members(body)?;
        let procedure = uri(&mut body, "procedure")?;
        let (args, kwargs) = arguments(&mut body)?;
        let mut options = dict(&mut body, "options")?;
        let timeout = match options.remove("timeout") {
            None => default,
            Some(value) => timeout(&value)?,
        };
        let forward_for = hops(&mut options)?.unwrap_or_default();
        nothing_left(&options, "option")?;
        nothing_left(&body, "member")?;
        Ok(CallOrder { procedure, args, kwargs, timeout, forward_for })
    }
}

impl PublishOrder {
    /// An event for all.
    pub(crate) fn of(topic: &str, args: Vec<Value>) -> PublishOrder {
        let options = PublishOptions { acknowledge: true, ..PublishOptions::default() };
        PublishOrder { topic: topic.to_owned(), args, kwargs: Dict::new(), options }
    }

    pub(crate) fn parse(body: &[u8]) -> Result<PublishOrder, Refusal> {
        let mut body = members(body)?;
        let topic = uri(&mut body, "topic")?;
        let (args, kwargs) = arguments(&mut body)?;
        let options = publish_options(dict(&mut body, "options")?)?;
        nothing_left(&body, "member")?;
        Ok(PublishOrder { topic, args, kwargs, options })
    }
}

fn publish_options(mut options: Dict) -> Result<PublishOptions, Refusal> {
    // Always acknowledged, as the answer tells the publication's id.
    flag(&mut options, "acknowledge", true)?;
    let receivers = Receivers {
        exclude: sessions(&mut options, "exclude")?,
        exclude_authid: texts(&mut options, "exclude_authid")?,
        exclude_authrole: texts(&mut options, "exclude_authrole")?,
        eligible: sessions(&mut options, "eligible")?,
        eligible_authid: texts(&mut options, "eligible_authid")?,
        eligible_authrole: texts(&mut options, "eligible_authrole")?,
        rkey: text(&mut options, "rkey")?,
    };
    let made = PublishOptions {
        acknowledge: true,
        exclude_me: flag(&mut options, "exclude_me", true)?,
        disclose_me: flag(&mut options, "disclose_me", false)?,
        retain: flag(&mut options, "retain", false)?,
        forward_for: hops(&mut options)?.map(Vec::into_boxed_slice),
        receivers: (receivers != Receivers::default()).then(|| Box::new(receivers)),
        ..PublishOptions::default()
    };
    nothing_left(&options, "option")?;
    Ok(made)
}

fn members(body: &[u8]) -> Result<Dict, Refusal> {
    match Serializer::Json.decode_value(body) {
        Ok(Value::Dict(members)) => Ok(members),
        Ok(_) => Err(Refusal::bad_body("the body must be a JSON object")),
        Err(malformed) => Err(Refusal::bad_body(format!("the body is not JSON: {malformed}"))),
    }
}

fn uri(body: &mut Dict, name: &str) -> Result<String, Refusal> {
    match body.remove(name) {
        Some(Value::Str(uri)) if !uri.is_empty() => Ok(uri),
        Some(_) => Err(Refusal::bad_body(format!("{name:?} must be a URI, such as \"com.example.clock\""))),
        None => Err(Refusal::bad_body(format!("{name:?} is missing"))),
    }
}

fn arguments(body: &mut Dict) -> Result<(Vec<Value>, Dict), Refusal> {
    let args = match body.remove("args") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(args)) => args,
        Some(_) => return Err(Refusal::bad_body("\"args\" must be a list")),
    };
    let kwargs = dict(body, "kwargs")?;
    if kwargs.len() > KWARGS_MAX {
        return Err(Refusal::bad_body(format!(
            "{} keyword arguments, at most {KWARGS_MAX} are taken",
            kwargs.len()
        )));
    }
    Ok((args, kwargs))
}

fn dict(body: &mut Dict, name: &str) -> Result<Dict, Refusal> {
    match body.remove(name) {
        None | Some(Value::Null) => Ok(Dict::new()),
        Some(Value::Dict(dict)) => Ok(dict),
        Some(_) => Err(Refusal::bad_body(format!("{name:?} must be an object"))),
    }
}

fn timeout(value: &Value) -> Result<Duration, Refusal> {
    let max = CALL_TIMEOUT_MAX.as_millis();
    let timeout =
        value.as_u64().map(Duration::from_millis).filter(|it| !it.is_zero() && *it <= CALL_TIMEOUT_MAX);
    timeout
        .ok_or_else(|| Refusal::bad_body(format!("option \"timeout\" must be from 1 to {max} milliseconds")))
}

fn flag(options: &mut Dict, name: &str, default: bool) -> Result<bool, Refusal> {
    match options.remove(name) {
        None => Ok(default),
        Some(Value::Bool(fact)) => Ok(fact),
        Some(_) => Err(Refusal::bad_body(format!("option {name:?} must be true or false"))),
    }
}

fn text(options: &mut Dict, name: &str) -> Result<Option<Box<str>>, Refusal> {
    match options.remove(name) {
        None => Ok(None),
        Some(Value::Str(text)) => Ok(Some(text.into())),
        Some(_) => Err(Refusal::bad_body(format!("option {name:?} must be a string"))),
    }
}

fn sessions(options: &mut Dict, name: &str) -> Result<Option<Vec<SessionId>>, Refusal> {
    list(options, name, "session ids", session)
}

fn session(value: &Value) -> Option<SessionId> {
    value.as_u64().filter(|id| *id <= ID_MAX).map(SessionId)
}

/// For whom a message is passed on. Anybody may say so, as in a session; the router believes links alone.
fn hops(options: &mut Dict) -> Result<Option<Vec<ForwardFor>>, Refusal> {
    list(options, "forward_for", "{session, authid, authrole}", |value| {
        let Value::Dict(hop) = value else { return None };
        Some(ForwardFor {
            session: hop.get("session").and_then(session)?,
            authid: hop.str("authid").map(str::to_owned),
            authrole: hop.str("authrole")?.to_owned(),
        })
    })
}

fn texts(options: &mut Dict, name: &str) -> Result<Option<Vec<String>>, Refusal> {
    list(options, name, "strings", |value| value.as_str().map(str::to_owned))
}

/// A list of `what`; a single one counts as a list of it, as it does at Crossbar.io.
///
/// What would break WAMP's own bounds must not get into a message: it would end the session that all requests share.
fn list<T>(
    options: &mut Dict,
    name: &str,
    what: &str,
    item: impl Fn(&Value) -> Option<T>,
) -> Result<Option<Vec<T>>, Refusal> {
    let items: Option<Vec<T>> = match options.remove(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::List(values)) if values.len() > LIST_LEN_MAX => None,
        Some(Value::List(values)) => values.iter().map(item).collect(),
        Some(value) => item(&value).map(|it| vec![it]),
    };
    items.map(Some).ok_or_else(|| {
        Refusal::bad_body(format!("option {name:?} must be a list of at most {LIST_LEN_MAX} {what}"))
    })
}

fn nothing_left(rest: &Dict, what: &str) -> Result<(), Refusal> {
    let Some((name, _)) = rest.iter().next() else { return Ok(()) };
    let shown: String = name.chars().take(64).collect();
    Err(Refusal::bad_body(format!("unknown {what} {shown:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_with_its_defaults() {
        let order = CallOrder::parse(br#" {"procedure": "com.example.add2"} "#).unwrap();
        let expected = CallOrder {
            procedure: "com.example.add2".into(),
            args: Vec::new(),
            kwargs: Dict::new(),
            timeout: Duration::from_secs(30),
            forward_for: Vec::new(),
        };
        assert_eq!(order, expected);
    }

    #[test]
    fn arguments_keep_their_types_and_binary_is_recognized() {
        let body = br#"{"procedure":"p","args":[1,1.5,null,true,"\u0000AP8Q",[{}]],"kwargs":{"a":18446744073709551615},
                        "options":{"timeout":1}}"#;
        let order = CallOrder::parse(body).unwrap();
        let nested = Value::List(vec![Dict::new().into()]);
        let expected = [1.into(), 1.5.into(), Value::Null, true.into(), Value::Bin(vec![0, 255, 16]), nested];
        assert_eq!(order.args, expected);
        assert_eq!(order.kwargs, Dict::new().with("a", u64::MAX));
        assert_eq!(order.timeout, Duration::from_millis(1));
    }

    #[test]
    fn a_publication_is_read_with_its_options() {
        let body = br#"{"topic":"t","args":["x"],"options":{"exclude_me":false,"retain":true,"eligible":[7],
                        "exclude_authid":"joe","acknowledge":false}}"#;
        let order = PublishOrder::parse(body).unwrap();
        let receivers = order.options.receivers.clone().unwrap();
        assert_eq!(receivers.eligible, Some(vec![SessionId(7)]));
        assert_eq!(receivers.exclude_authid, Some(vec!["joe".to_owned()]));
        assert!(order.options.acknowledge && order.options.retain && !order.options.exclude_me);
    }

    #[test]
    fn bad_bodies_are_refused_and_say_what_is_wrong() {
        let deep = format!("{{\"procedure\":\"p\",\"args\":{}", "[".repeat(100_000));
        for (body, text) in [
            ("", "not JSON"),
            ("{\"procedure\":\"p\"", "not JSON"),
            ("{\"procedure\":\"\u{1}\"}", "not JSON"),
            ("[]", "must be a JSON object"),
            ("{}", "\"procedure\" is missing"),
            (r#"{"procedure":5}"#, "\"procedure\" must be"),
            (r#"{"procedure":""}"#, "\"procedure\" must be"),
            (r#"{"procedure":"p","args":{}}"#, "\"args\" must be"),
            (r#"{"procedure":"p","kwargs":[]}"#, "\"kwargs\" must be"),
            (r#"{"procedure":"p","arguments":[]}"#, "unknown member \"arguments\""),
            (r#"{"procedure":"p","options":{"timeout":0}}"#, "\"timeout\""),
            (r#"{"procedure":"p","options":{"timeout":600001}}"#, "\"timeout\""),
            (r#"{"procedure":"p","options":{"timeout":"1"}}"#, "\"timeout\""),
            (r#"{"procedure":"p","options":{"retain":true}}"#, "unknown option \"retain\""),
            (&deep, "nested too deep"),
        ] {
            let refusal = CallOrder::parse(body.as_bytes()).unwrap_err();
            let said = refusal.error.args[0].as_str().unwrap();
            assert_eq!(refusal.status, 400);
            assert!(said.contains(text), "{said:?} lacks {text:?}");
        }
        let many: Vec<String> = (0..=KWARGS_MAX).map(|number| format!("\"{number}\":0")).collect();
        let many = format!("{{\"procedure\":\"p\",\"kwargs\":{{{}}}}}", many.join(","));
        assert_eq!(CallOrder::parse(many.as_bytes()).unwrap_err().status, 400);
        let not_utf8 = b"{\"procedure\":\"\xff\"}";
        assert_eq!(CallOrder::parse(not_utf8).unwrap_err().status, 400);
        for options in
            [r#"{"eligible":["x"]}"#, r#"{"exclude_authid":[1]}"#, r#"{"retain":1}"#, r#"{"ppt_scheme":"x"}"#]
        {
            let body = format!("{{\"topic\":\"t\",\"options\":{options}}}");
            assert_eq!(PublishOrder::parse(body.as_bytes()).unwrap_err().status, 400, "{options}");
        }
    }
}
