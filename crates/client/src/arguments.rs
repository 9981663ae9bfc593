//! What is sent along: `args` and `kwargs`.

use serde::Serialize;

use crossweave_wamp::message::Passthru;
use crossweave_wamp::{Dict, Payload, Serializer, Value};

use crate::content::Content;
use crate::error::EncodeError;
use crate::typed;

/// `args` and `kwargs` to be sent: of a call, a publication, a result.
///
/// ```
/// use crossweave_client::Arguments;
///
/// let dynamic = Arguments::new().arg("oslo").arg(-3.5).kwarg("unit", "°C");
/// let typed = Arguments::of(&("oslo", -3.5));
/// # let _ = (dynamic, typed);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    args: Args,
    kwargs: Dict,
    passthru: Option<Box<Passthru>>,
    /// The first value that could not be serialized, told when it is sent.
    error: Option<EncodeError>,
}

#[derive(Clone, Debug)]
enum Args {
    Values(Vec<Value>),
    /// A list in MessagePack.
    Encoded(Vec<u8>),
    /// The opaque binary of payload passthru.
    Opaque(Vec<u8>),
    /// What has come in a message.
    Received(Payload<'static>),
}

impl Default for Args {
    fn default() -> Self {
        Args::Values(Vec::new())
    }
}

impl Arguments {
    /// No arguments.
    pub fn new() -> Arguments {
        Arguments::default()
    }

    /// The arguments of a typed value: a tuple or list is the arguments, `()` is none, any other value is the only one.
    ///
    /// Structs are dicts. A value that cannot be serialized is told as an error when the arguments are sent.
    pub fn of(args: &impl Serialize) -> Arguments {
        Arguments::new().args(args)
    }

    /// A handler's result: `()` is no argument, any other value is the only one.
    pub fn result(result: &impl Serialize) -> Arguments {
        Arguments::new().encoded(typed::encode_result(result))
    }

    /// One opaque binary (payload passthru), which routers do not look into.
    pub fn opaque(passthru: Passthru, bytes: Vec<u8>) -> Arguments {
        Arguments { args: Args::Opaque(bytes), passthru: Some(Box::new(passthru)), ..Arguments::default() }
    }

    /// What has come, to be passed on as it is: octet for octet where the serializer is the same.
    pub fn received(content: Content) -> Arguments {
        let (payload, passthru) = content.into_parts();
        Arguments { args: Args::Received(payload), passthru, ..Arguments::default() }
    }

    /// Appends an argument.
    pub fn arg(mut self, value: impl Into<Value>) -> Arguments {
        match &mut self.args {
            Args::Values(values) => values.push(value.into()),
            Args::Encoded(bytes) => match typed::to_values(bytes) {
                Ok(mut values) => {
                    values.push(value.into());
                    self.args = Args::Values(values);
                }
                Err(error) => return self.failed(error),
            },
            Args::Received(payload) => {
                let mut values = payload.args();
                values.push(value.into());
                self.kwargs = merged(payload, std::mem::take(&mut self.kwargs));
                self.args = Args::Values(values);
            }
            Args::Opaque(_) => {
                return self.failed(EncodeError::Value("an opaque payload has no arguments".to_owned()));
            }
        }
        self
    }

    /// Sets a keyword argument.
    pub fn kwarg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Arguments {
        self.kwargs.insert(name, value);
        self
    }

    /// Sets all arguments, as [`Arguments::of`] does.
    pub fn args(self, args: &impl Serialize) -> Arguments {
        self.encoded(typed::encode_args(args))
    }

    /// Sets all keyword arguments from a struct or a map.
    pub fn kwargs(mut self, kwargs: &impl Serialize) -> Arguments {
        match typed::encode_kwargs(kwargs) {
            Ok(dict) => self.kwargs = dict,
            Err(error) => return self.failed(error),
        }
        self
    }

    fn encoded(mut self, args: Result<Vec<u8>, EncodeError>) -> Arguments {
        match args {
            Ok(bytes) => self.args = Args::Encoded(bytes),
            Err(error) => return self.failed(error),
        }
        self
    }

    fn failed(mut self, error: EncodeError) -> Arguments {
        self.error.get_or_insert(error);
        self
    }

    /// The payload in `serializer`, with how it is packed.
    pub(crate) fn into_payload(
        self,
        serializer: Serializer,
    ) -> Result<(Payload<'static>, Option<Box<Passthru>>), EncodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let payload = match self.args {
            Args::Received(payload) if !self.kwargs.is_empty() => {
                Payload::new(serializer, &payload.args(), &merged(&payload, self.kwargs))
            }
            Args::Received(payload) => payload.transcoded(serializer).into_owned(),
            Args::Opaque(bytes) => opaque(serializer, &bytes, self.passthru.as_deref()),
            Args::Values(values) => Payload::new(serializer, &values, &self.kwargs),
            Args::Encoded(bytes) if !self.kwargs.is_empty() => {
                Payload::new(serializer, &typed::to_values(&bytes)?, &self.kwargs)
            }
            Args::Encoded(bytes) => Payload::from_encoded_args(Serializer::MsgPack, bytes)
                .map_err(|error| EncodeError::Value(error.to_string()))?
                .transcoded(serializer)
                .into_owned(),
        };
        Ok((payload, self.passthru))
    }
}

/// The keyword arguments that came, with others added or in their place.
fn merged(payload: &Payload<'_>, kwargs: Dict) -> Dict {
    let mut all = payload.kwargs();
    for (name, value) in kwargs {
        all.insert(name, value);
    }
    all
}

/// The older form stands in the place of `args`, the specification's in a list.
fn opaque(serializer: Serializer, bytes: &[u8], passthru: Option<&Passthru>) -> Payload<'static> {
    if passthru.is_some_and(|passthru| passthru.enc_algo.is_some()) {
        Payload::opaque(serializer, bytes)
    } else {
        Payload::new(serializer, &[bytes.to_vec().into()], &Dict::new())
    }
}

impl From<()> for Arguments {
    fn from((): ()) -> Self {
        Arguments::new()
    }
}

impl From<Vec<Value>> for Arguments {
    fn from(args: Vec<Value>) -> Self {
        Arguments { args: Args::Values(args), ..Arguments::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(arguments: Arguments) -> (Vec<Value>, Dict) {
        let (payload, _) = arguments.into_payload(Serializer::Json).unwrap();
        (payload.args(), payload.kwargs())
    }

    #[test]
    fn typed_and_dynamic_arguments_mix() {
        let (args, kwargs) = sent(Arguments::of(&(1, "a")).arg(true).kwarg("k", 5));
        assert_eq!(args, [Value::from(1), "a".into(), true.into()]);
        assert_eq!(kwargs, Dict::new().with("k", 5));
        assert_eq!(sent(Arguments::of(&(1,)).kwarg("k", 5)).0, [Value::from(1)]);
        assert_eq!(sent(Arguments::of(&[1.5])).0, [Value::from(1.5)]);
    }

    #[test]
    fn what_cannot_be_serialized_is_told_when_sent() {
        let arguments = Arguments::new().kwargs(&5).arg(1);
        assert!(matches!(arguments.into_payload(Serializer::Json), Err(EncodeError::Value(_))));
    }
}
