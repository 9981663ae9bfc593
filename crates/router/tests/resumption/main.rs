//! Sessions that go on when their connection is lost.

mod ending;
mod peer;
mod recovery;
mod silent;
mod tokens;
mod waiting;
