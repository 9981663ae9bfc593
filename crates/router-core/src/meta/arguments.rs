//! What a meta procedure was called with.

use crossweave_wamp::{Dict, MatchPolicy, Payload, SessionId, Strictness, Value, uri, uris};

use crate::refused::Refused;

/// The arguments of a call, as values.
#[derive(Debug)]
pub(crate) struct Arguments {
    args: Vec<Value>,
    kwargs: Dict,
}

impl Arguments {
    pub(crate) fn of(payload: &Payload<'_>) -> Self {
        Arguments { args: payload.args(), kwargs: payload.kwargs() }
    }

    /// Refuses a name that is none of these: what is misspelt would be left out without a word.
    pub(super) fn check_names(&self, known: &[&str]) -> Result<(), Refused> {
        match self.kwargs.iter().map(|(name, _)| name).find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(unknown) => {
                let known = known.join(", ");
                Err(invalid(format!("unknown keyword argument {unknown:?}: there are {known}")))
            }
        }
    }

    /// The named arguments, for procedures that have no others.
    pub(crate) fn only_named(&self) -> Result<&Dict, Refused> {
        match self.args.is_empty() {
            true => Ok(&self.kwargs),
            false => Err(invalid("arguments are given by name".into())),
        }
    }

    /// The argument at a place; null counts as absent.
    pub(crate) fn at(&self, at: usize) -> Option<&Value> {
        self.args.get(at).filter(|value| !value.is_null())
    }

    /// The argument of this name; null counts as absent.
    pub(crate) fn named(&self, name: &str) -> Option<&Value> {
        self.kwargs.get(name).filter(|value| !value.is_null())
    }

    /// The argument at a place, or by its name; null counts as absent.
    pub(crate) fn get(&self, at: usize, name: &str) -> Option<&Value> {
        self.args.get(at).or_else(|| self.kwargs.get(name)).filter(|value| !value.is_null())
    }

    /// An id that must be there.
    pub(crate) fn id(&self, at: usize, name: &str) -> Result<u64, Refused> {
        self.get(at, name).and_then(Value::as_u64).ok_or_else(|| invalid(format!("{name} must be an id")))
    }

    /// A text that must be there.
    pub(crate) fn text(&self, at: usize, name: &str) -> Result<&str, Refused> {
        self.optional_text(at, name)?.ok_or_else(|| invalid(format!("{name} is missing")))
    }

    /// A text, if it is there.
    pub(crate) fn optional_text(&self, at: usize, name: &str) -> Result<Option<&str>, Refused> {
        match self.get(at, name) {
            None => Ok(None),
            Some(value) => {
                value.as_str().map(Some).ok_or_else(|| invalid(format!("{name} must be a string")))
            }
        }
    }

    /// A dict, if it is there.
    pub(crate) fn optional_dict(&self, at: usize, name: &str) -> Result<Option<&Dict>, Refused> {
        match self.get(at, name) {
            None => Ok(None),
            Some(value) => value.as_dict().map(Some).ok_or_else(|| invalid(format!("{name} must be a dict"))),
        }
    }

    /// The session that `session` at a place names, if it does.
    pub(crate) fn optional_session(&self, at: usize) -> Result<Option<SessionId>, Refused> {
        match self.get(at, "session_id") {
            None => Ok(None),
            Some(_) => self.id(at, "session_id").map(|id| Some(SessionId(id))),
        }
    }

    /// `match` of the options at a place: how the URI before it is meant.
    pub(crate) fn match_policy(&self, at: usize) -> Result<MatchPolicy, Refused> {
        let options = self.optional_dict(at, "options")?;
        match options.and_then(|options| options.get("match")).filter(|value| !value.is_null()) {
            None => Ok(MatchPolicy::Exact),
            Some(value) => value
                .as_str()
                .and_then(MatchPolicy::parse)
                .ok_or_else(|| invalid("match must be \"exact\", \"prefix\" or \"wildcard\"".into())),
        }
    }

    /// A reason, which must be a URI, if it is there; anything else gets `wamp.error.invalid_uri`.
    pub(crate) fn reason(&self, at: usize) -> Result<Option<&str>, Refused> {
        let reason = self.optional_text(at, "reason").map_err(|mut refused| {
            refused.error = uris::INVALID_URI;
            refused
        })?;
        if let Some(reason) = reason {
            uri::check(reason, MatchPolicy::Exact, Strictness::Loose)?;
        }
        Ok(reason)
    }
}

/// Arguments that do not fit the procedure.
#[cold]
pub(crate) fn invalid(why: String) -> Refused {
    Refused::new(uris::INVALID_ARGUMENT, why)
}

/// An answer that would be too long.
#[cold]
pub(crate) fn too_many(max: usize) -> Refused {
    Refused::new(uris::RESOURCE_EXHAUSTED, format!("there are more than {max} of them, too many to list"))
}
