//! A call's result.

use serde::de::DeserializeOwned;

use crate::content::{Content, has_content};
use crate::error::DecodeError;

/// What a callee answers: the result, or a progressive one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reply {
    /// The arguments.
    pub content: Content,
    /// Whether it is the last one of the call.
    pub is_final: bool,
}

has_content!(Reply);

impl Reply {
    pub(crate) fn new(content: Content, is_final: bool) -> Reply {
        Reply { content, is_final }
    }

    /// The result as `T`: one argument is `T` itself, several are a tuple or list, none is `()` or `None`.
    ///
    /// # Errors
    /// The result is not what `T` takes.
    pub fn result<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        self.content.parse_result()
    }
}
