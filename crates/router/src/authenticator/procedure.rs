//! Authenticators that are WAMP procedures, as Crossbar.io has them.

use std::sync::Arc;
use std::time::Duration;

use crossweave_auth::Secret;
use crossweave_auth::cryptosign::PublicKey;
use crossweave_auth::scram::Kdf;
use crossweave_auth::scram::credential::{Credential as Scram, Hashing};
use crossweave_auth::wampcra::Salting;
use crossweave_wamp::{Dict, Value, uris};
use tokio::time::timeout;

use super::{AuthenticateRequest, Credential, Granted, NotGranted};
use crate::authenticate::excerpt;
use crate::internal::{CallFailed, TRUSTED};
use crate::router::Shared;
use crate::upstream::{NotAnswered, Question, Upstream};

/// How long the procedure may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A procedure that decides who a client is: `authenticator(realm, authid, details)`.
///
/// It answers with a role, or with a dict of `role`, `realm`, `authid`, `extra` and what the method needs: `secret`, `salt`,
/// `iterations`, `keylen` for WAMP-CRA; `pubkey` or `authorized_keys` for cryptosign; `kdf`, `salt`, `iterations`, `memory`,
/// `stored-key`, `server-key` for SCRAM. With an ERROR, or null, it says that it does not let the client in, who then takes the same
/// way as one with a wrong secret ([`NotGranted::Refused`]). An answer of another shape, or none, lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Procedure {
    /// Its URI.
    pub uri: String,
    /// The realm it is registered on; absent, the one that the client asks for. Then it decides on that realm alone: an answer
    /// with another `realm` lets nobody in, as who may register on one realm has no say on the others.
    pub realm: Option<String>,
    /// The role in which it is called; absent, `trusted`, which may call everything. A router with an
    /// [`Upstream`] asks there, and nobody without one.
    pub authrole: Option<String>,
    /// The role of clients for which it names none; absent, those are refused.
    pub default_role: Option<String>,
    /// Whether an ERROR whose URI does not begin with `wamp.` is told to the client ([`NotGranted::Denied`]). Then clients can
    /// find out who exists, if the procedure has another error for those who do not.
    pub passes_errors: bool,
}

impl Procedure {
    /// Asks it.
    pub(crate) async fn authenticate(
        &self,
        shared: &Arc<Shared>,
        request: AuthenticateRequest,
    ) -> Result<Granted, NotGranted> {
        let failed = NotGranted::Failed;
        let AuthenticateRequest { realm, authid, method, ticket, mut details } = request;
        if let Some(ticket) = &ticket {
            details.insert("ticket", ticket.reveal());
        }
        let home = self.realm.as_deref().or(realm.as_deref());
        let home = home.ok_or_else(|| failed("the client names no realm to call it on".to_owned()))?;
        let args: Vec<Value> = vec![realm.clone().into(), authid.into(), details.into()];
        let answer = match shared.upstreams.get() {
            Some(upstream) => self.call_elsewhere(&*upstream, home, args).await,
            None => self.call_here(shared, home, &args).await,
        };
        match answer {
            Ok(args) => match args.into_iter().next().unwrap_or_default() {
                Value::Null => Err(NotGranted::Refused("its answer is null".to_owned())),
                answer => {
                    let granted = self.granted(method, answer);
                    granted
                        .and_then(|granted| self.check_realm(granted, home))
                        .map_err(|what| failed(format!("its answer {what}")))
                }
            },
            Err(CallFailed::Error { error, message }) => Err(self.no(error, message, ticket.as_ref())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// What an ERROR means. The texts are the callee's, bounded.
    fn no(&self, uri: String, message: Option<String>, ticket: Option<&Secret>) -> NotGranted {
        if self.passes_errors && !uri.starts_with("wamp.") {
            let message = message.unwrap_or_else(|| "authentication failed".to_owned());
            return NotGranted::Denied { uri, message };
        }
        let shown = match message {
            None => uri.clone(),
            Some(message) if repeats(&message, ticket) => {
                format!("{uri}, with a text that repeats the ticket")
            }
            Some(message) => format!("{uri}: {message:?}"),
        };
        match GIVEN_BY_THE_REALM.contains(&uri.as_str()) {
            true => NotGranted::Failed(shown),
            false => NotGranted::Refused(shown),
        }
    }

    /// Calls it on a realm of this router.
    async fn call_here(
        &self,
        shared: &Arc<Shared>,
        home: &str,
        args: &[Value],
    ) -> Result<Vec<Value>, CallFailed> {
        let cell = shared.realm_that_is_up(home).ok_or_else(|| CallFailed::NoSuchRealm(home.to_owned()))?;
        let authrole = self.authrole.as_deref().unwrap_or(TRUSTED);
        let answer = cell.call(authrole, &self.uri, args, &Dict::new(), TIMEOUT).await?;
        Ok(answer.args)
    }

    /// Calls it on a realm of a router behind this one, where nobody from outside is `trusted`.
    async fn call_elsewhere(
        &self,
        upstream: &dyn Upstream,
        home: &str,
        args: Vec<Value>,
    ) -> Result<Vec<Value>, CallFailed> {
        let Some(authrole) = self.authrole.clone().filter(|role| role != TRUSTED) else {
            let why = "a procedure of a router behind this one is called in a role of its own, and none is configured";
            return Err(CallFailed::Elsewhere(why.to_owned()));
        };
        let (realm, procedure) = (home.to_owned(), self.uri.clone());
        let asking = upstream.ask(Question { realm, authrole, procedure, args });
        match timeout(TIMEOUT, asking).await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(NotAnswered::Error { uri, message })) => {
                Err(CallFailed::answered(&uri, message.as_deref()))
            }
            Ok(Err(NotAnswered::Failed(why))) => Err(CallFailed::Elsewhere(why)),
            Err(_) => Err(CallFailed::TimedOut(TIMEOUT)),
        }
    }

    /// The realm on which the client was asked about by its own choice is the only one that the answer may name.
    fn check_realm(&self, granted: Granted, home: &str) -> Result<Granted, String> {
        match &granted.realm {
            Some(realm) if self.realm.is_none() && realm != home => Err(format!(
                "names realm {:?}, and it was called on realm {home:?} as no authenticator-realm is configured",
                excerpt(realm)
            )),
            _ => Ok(granted),
        }
    }

    /// What the answer says. The error never holds what was in it.
    fn granted(&self, method: &str, answer: Value) -> Result<Granted, String> {
        let answer = match answer {
            Value::Str(role) => Dict::new().with("role", role),
            Value::Dict(answer) => answer,
            _ => return Err("is neither a role nor a dict".to_owned()),
        };
        let authrole = text(&answer, "role")?.or_else(|| self.default_role.clone());
        let extra = match answer.get("extra") {
            None | Some(Value::Null) => Dict::new(),
            Some(Value::Dict(extra)) => extra.clone(),
            Some(_) => return Err("has an \"extra\" that is no dict".to_owned()),
        };
        Ok(Granted {
            authid: text(&answer, "authid")?,
            authrole: authrole.ok_or("names no role")?,
            realm: text(&answer, "realm")?,
            extra,
            credential: credential(method, &answer)?,
        })
    }
}

/// The errors that come in the procedure's place when it has not answered. All others count as its own: one that may be either, such
/// as `wamp.error.not_authorized`, must not tell clients that it refuses from others.
const GIVEN_BY_THE_REALM: [&str; 5] =
    [uris::NO_SUCH_PROCEDURE, uris::NO_AVAILABLE_CALLEE, uris::UNAVAILABLE, uris::CANCELED, uris::TIMEOUT];

/// Whether a text for the log has the ticket in it, or as much of it as a text that was cut may end with.
fn repeats(message: &str, ticket: Option<&Secret>) -> bool {
    const BEGINNING: usize = 6;
    let Some(ticket) = ticket.map(Secret::reveal).filter(|ticket| !ticket.is_empty()) else { return false };
    let end = ticket.char_indices().nth(BEGINNING).map_or(ticket.len(), |(at, _)| at);
    message.contains(&ticket[..end])
}

fn credential(method: &str, answer: &Dict) -> Result<Credential, String> {
    match method {
        "wampcra" => {
            let secret = text(answer, "secret")?.ok_or("has no \"secret\"")?.into();
            let salting = Salting::from_extra(answer).map_err(|error| format!("cannot be used: {error}"))?;
            Ok(Credential::WampCra { secret, salting })
        }
        "cryptosign" | "cryptosign-proxy" => cryptosign(answer),
        "scram" | "wamp-scram" => scram(answer),
        _ => Ok(Credential::None),
    }
}

fn cryptosign(answer: &Dict) -> Result<Credential, String> {
    let keys = match (answer.get("pubkey"), answer.get("authorized_keys")) {
        (Some(Value::Str(key)), _) => vec![PublicKey::from_hex(key)],
        (_, Some(Value::List(keys))) => {
            keys.iter().map(|key| PublicKey::from_hex(key.as_str().unwrap_or_default())).collect()
        }
        _ => return Err("has no \"pubkey\"".to_owned()),
    };
    let keys: Result<Vec<PublicKey>, _> = keys.into_iter().collect();
    keys.map(Credential::Cryptosign).map_err(|error| format!("has a \"pubkey\" that is {error}"))
}

fn scram(answer: &Dict) -> Result<Credential, String> {
    let bytes = |key: &str| -> Result<Vec<u8>, String> {
        let text = text(answer, key)?.ok_or_else(|| format!("has no {key:?}"))?;
        crossweave_auth::bytes_from_hex(&text).ok_or_else(|| format!("has a {key:?} that is not hexadecimal"))
    };
    let key = |key: &str| {
        <[u8; 32]>::try_from(bytes(key)?).map_err(|_| format!("has a {key:?} that is not 64 digits long"))
    };
    let number = |key: &str| answer.get(key).and_then(Value::as_u64).and_then(|it| u32::try_from(it).ok());
    let kdf = text(answer, "kdf")?.and_then(|name| Kdf::parse(&name)).ok_or("has no usable \"kdf\"")?;
    let iterations = number("iterations").ok_or("has no usable \"iterations\"")?;
    let memory = number("memory").unwrap_or(0);
    let hashing = Hashing { kdf, salt: bytes("salt")?, iterations, memory };
    hashing.check().map_err(|error| format!("cannot be used: {error}"))?;
    let (stored_key, server_key) = (key("stored-key")?, key("server-key")?);
    Ok(Credential::Scram(Scram { hashing, stored_key, server_key }))
}

/// The text of a key; absent and null are none.
fn text(answer: &Dict, key: &str) -> Result<Option<String>, String> {
    match answer.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Str(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(format!("has a {key:?} that is no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(passes_errors: bool) -> Procedure {
        let uri = "com.example.auth".into();
        Procedure { uri, realm: None, authrole: None, default_role: None, passes_errors }
    }

    fn granted(method: &str, answer: impl Into<Value>) -> Result<Granted, String> {
        asked(false).granted(method, answer.into())
    }

    #[test]
    fn a_role_or_a_dict_is_an_answer() {
        assert_eq!(granted("ticket", "user").unwrap().authrole, "user");
        let dict = Dict::new().with("role", "user").with("authid", "joe").with("realm", "realm2");
        let joe = granted("ticket", dict.with("extra", Dict::new().with("a", 1))).unwrap();
        assert_eq!((joe.authid.as_deref(), joe.realm.as_deref()), (Some("joe"), Some("realm2")));
        assert_eq!(joe.extra.len(), 1);
    }

    #[test]
    fn an_answer_of_another_shape_lets_nobody_in_and_is_not_repeated() {
        let role = || Dict::new().with("role", "user");
        let wrong: Vec<(&str, Value)> = vec![
            ("ticket", Value::Null),
            ("ticket", true.into()),
            ("ticket", Value::List(vec!["user".into()])),
            ("ticket", Dict::new().into()),
            ("ticket", Dict::new().with("role", 5).into()),
            ("ticket", role().with("extra", "x").into()),
            ("ticket", role().with("authid", Value::Bin(vec![1])).into()),
            ("wampcra", "user".into()),
            ("wampcra", role().with("secret", "s3cret").with("salt", 5).into()),
            (
                "wampcra",
                role().with("secret", "s3cret").with("salt", "x").with("iterations", 1u64 << 40).into(),
            ),
            ("cryptosign", role().into()),
            ("cryptosign", role().with("pubkey", "s3cret").into()),
            ("cryptosign", role().with("authorized_keys", vec![Value::from(5)]).into()),
            ("scram", role().with("kdf", "md5").into()),
            ("scram", role().with("kdf", "pbkdf2").with("iterations", 4096).with("salt", "s3cret").into()),
        ];
        for (method, answer) in wrong {
            let shown = format!("{answer:?}");
            let error = granted(method, answer).expect_err(&shown);
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_error_is_a_no_unless_it_came_in_the_procedures_place() {
        let no = |uri: &str| asked(false).no(uri.to_owned(), Some("joe?".to_owned()), None);
        for uri in [
            "com.example.no_such_user",
            "wamp.error.authentication_failed",
            "wamp.error.no_such_principal",
            "wamp.error.runtime_error",
            "wamp.error.invalid_argument",
            "wamp.error.not_authorized",
            "odd",
        ] {
            assert_eq!(no(uri), NotGranted::Refused(format!("{uri}: \"joe?\"")));
        }
        for uri in ["no_such_procedure", "unavailable", "no_available_callee", "canceled", "timeout"] {
            let uri = format!("wamp.error.{uri}");
            assert_eq!(no(&uri), NotGranted::Failed(format!("{uri}: \"joe?\"")));
        }
    }

    #[test]
    fn errors_pass_only_where_that_is_wanted_and_never_those_of_wamp() {
        let no = |uri: &str, message: Option<&str>| asked(true).no(uri.into(), message.map(Into::into), None);
        let told = |uri: &str, message: &str| NotGranted::Denied { uri: uri.into(), message: message.into() };
        assert_eq!(no("com.example.locked", Some("come back")), told("com.example.locked", "come back"));
        assert_eq!(no("com.example.locked", None), told("com.example.locked", "authentication failed"));
        for uri in ["wamp.error.runtime_error", "wamp.x"] {
            assert_eq!(no(uri, None), NotGranted::Refused(uri.to_owned()));
        }
    }

    #[test]
    fn a_text_that_repeats_the_ticket_is_not_for_the_log() {
        let no = |message: &str, ticket: &str| {
            asked(false).no("com.example.no".into(), Some(message.into()), Some(&Secret::from(ticket)))
        };
        let hidden = NotGranted::Refused("com.example.no, with a text that repeats the ticket".to_owned());
        assert_eq!(no("wrong ticket: s3cret!!!", "s3cret!!!"), hidden);
        assert_eq!(no("wrong ticket: äöüßäö", "äöüßäöü of a text that was cut"), hidden);
        assert_eq!(no("x", "x"), hidden);
        assert_eq!(
            no("wrong\nticket", ""),
            NotGranted::Refused("com.example.no: \"wrong\\nticket\"".to_owned())
        );
    }
}
