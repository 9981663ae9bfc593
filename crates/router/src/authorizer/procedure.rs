//! Authorizers that are procedures of the realm: `"authorizer": "com.example.authorize"` on a role.
//!
//! The procedure is called with the session (a dict of `session`, `authid`, `authrole`, `authmethod`, `authprovider`,
//! `authextra` and `transport`), the URI, the action (`call`, `register`, `publish`, `subscribe`) and the message's options. It
//! answers true or false, or a dict of `allow` (a boolean; needed), `disclose` and `cache` (booleans; may be missing). Anything
//! else is a failure, and the session is denied.
//!
//! What registers the procedure must have another role, or the first question has nobody to answer it.

use std::sync::Arc;
use std::time::Duration;

use crossweave_router_core::Disclose;
use crossweave_router_core::boundary::{AuthorizeRequest, Decision};
use crossweave_wamp::{Dict, Value};

use crate::internal::{Answer, TRUSTED};
use crate::realm::RealmCell;

/// Asks the procedure.
pub(crate) async fn ask(
    realm: &Arc<RealmCell>,
    procedure: &str,
    request: AuthorizeRequest,
    deadline: Duration,
) -> Decision {
    let AuthorizeRequest { details, uri, action, options, .. } = request;
    let args = [details.into(), uri.into(), action.as_str().into(), options.into()];
    match realm.call(TRUSTED, procedure, &args, &Dict::new(), deadline).await {
        Ok(answer) => decision(&answer).unwrap_or_else(|why| Decision::Failed(why.into())),
        Err(failed) => Decision::Failed(failed.to_string().into()),
    }
}

/// What the answer says, or what is wrong with its shape.
fn decision(answer: &Answer) -> Result<Decision, String> {
    let [value] = &answer.args[..] else {
        return Err(format!("it answered {} values: expected one", answer.args.len()));
    };
    match value {
        Value::Bool(true) => Ok(Decision::ALLOW),
        Value::Bool(false) => Ok(Decision::DENY),
        Value::Dict(dict) => detailed(dict),
        _ => Err("it answered neither a boolean nor a dict".to_owned()),
    }
}

fn detailed(dict: &Dict) -> Result<Decision, String> {
    let (mut allow, mut disclose, mut cache) = (None, None, None);
    for (key, value) in dict.iter() {
        let place = match key {
            "allow" => &mut allow,
            "disclose" => &mut disclose,
            "cache" => &mut cache,
            "validate" if asks_for_nothing(value) => continue,
            "validate" => return Err("it answered `validate`, which is not built yet".to_owned()),
            _ => return Err(format!("it answered the unknown key {:?}", excerpt(key))),
        };
        match value {
            Value::Bool(fact) => *place = Some(*fact),
            Value::Null => {}
            _ => return Err(format!("it answered a `{key}` that is not a boolean")),
        }
    }
    let cache = cache.unwrap_or(false);
    let disclose = match disclose {
        None => Disclose::AsAsked,
        Some(true) => Disclose::Always,
        Some(false) => Disclose::Never,
    };
    match allow {
        Some(true) => Ok(Decision::Allow { disclose, cache }),
        Some(false) => Ok(Decision::Deny { cache }),
        None => Err("it answered a dict without `allow`".to_owned()),
    }
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Dict(dict) => dict.is_empty(),
        _ => false,
    }
}

/// The beginning of a text that goes to the log.
fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(value: impl Into<Value>) -> Result<Decision, String> {
        decision(&Answer { args: vec![value.into()], kwargs: Dict::new() })
    }

    #[test]
    fn booleans_and_dicts_decide() {
        assert_eq!(decide(true), Ok(Decision::ALLOW));
        assert_eq!(decide(false), Ok(Decision::DENY));
        assert_eq!(decide(Dict::new().with("allow", true)), Ok(Decision::ALLOW));
        let all = Dict::new().with("allow", true).with("disclose", true).with("cache", true);
        assert_eq!(decide(all), Ok(Decision::Allow { disclose: Disclose::Always, cache: true }));
        let never = Dict::new().with("allow", true).with("disclose", false).with("cache", Value::Null);
        assert_eq!(decide(never), Ok(Decision::Allow { disclose: Disclose::Never, cache: false }));
        let deny = Dict::new().with("allow", false).with("cache", true).with("validate", Dict::new());
        assert_eq!(decide(deny), Ok(Decision::Deny { cache: true }));
    }

    #[test]
    fn wrong_shapes_fail() {
        let allow = || Dict::new().with("allow", true);
        let wrong: [Value; 11] = [
            1.into(),
            "true".into(),
            Value::Null,
            Value::List(vec![true.into()]),
            Dict::new().into(),
            Dict::new().with("allow", 1).into(),
            Dict::new().with("allow", Value::Null).into(),
            Dict::new().with("disclose", true).into(),
            allow().with("cache", "yes").into(),
            allow().with("alow", true).into(),
            allow().with("validate", Dict::new().with("event", "x")).into(),
        ];
        for value in wrong {
            assert!(decide(value.clone()).is_err(), "{value:?}");
        }
        assert!(decision(&Answer { args: vec![], kwargs: Dict::new().with("allow", true) }).is_err());
        assert!(decision(&Answer { args: vec![true.into(), true.into()], kwargs: Dict::new() }).is_err());
    }
}
