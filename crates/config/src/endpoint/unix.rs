//! Endpoints on Unix domain sockets.

use std::path::PathBuf;

use crate::environment::{Part, parts};
use crate::reading::{At, Fields, Finding, Reading, Shape, quoted};

/// A Unix domain socket. A socket file that an earlier run left behind is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixEndpoint {
    /// `path`: the socket file, at most 107 bytes. Relative paths start at the node directory. `$NAME` and `${NAME}`
    /// stand for environment variables, anywhere in it.
    pub path: PathBuf,
    /// `backlog`: connections that may wait to be accepted, 1 to 65535. Default: 1024 (Crossbar.io: 50).
    pub backlog: u32,
    /// `mode`: the permissions of the socket file as an octal number in quotes, `"0660"`. Default: left to the umask.
    /// Not in Crossbar.io.
    pub mode: Option<u32>,
}

impl UnixEndpoint {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Option<Self> {
        let path = fields.required(reading, "path").and_then(|at| unix_path(reading, &at));
        let backlog = super::backlog(reading, &mut fields);
        let mode = mode(reading, &mut fields);
        fields.finish(reading);
        Some(Self { path: path?, backlog, mode })
    }
}

/// The path of a socket.
pub(crate) fn unix_path(reading: &mut Reading<'_>, at: &At<'_>) -> Option<PathBuf> {
    /// What fits into `sun_path` of a socket address, with the 0 at its end.
    const PATH_LEN_MAX: usize = 107;
    let text = reading.text(at)?;
    let mut expanded = String::new();
    for part in parts(&text) {
        match part {
            Part::Text(text) => expanded.push_str(text),
            Part::Variable(name) => expanded.push_str(&reading.variable(at, name)?),
        }
    }
    let path = reading.path(&expanded);
    let len = path.as_os_str().len();
    if len > PATH_LEN_MAX {
        let message =
            format!("the path of this socket is {len} bytes long: {}", quoted(&path.to_string_lossy()));
        reading.report(at, Finding::error(message).expected(format!("at most {PATH_LEN_MAX} bytes")));
    }
    Some(path)
}

fn mode(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<u32> {
    let expected = "an octal number in quotes, from `\"0000\"` to `\"0777\"`";
    let at = fields.get("mode")?;
    reading.note(&at.path, || Shape::Pattern("^(0o)?[0-7]+$"));
    let crate::document::Value::String(text) = &at.item.value else {
        reading.wrong_type(&at, expected);
        return None;
    };
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let is_octal = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if is_octal && mode <= 0o777 => Some(mode),
        _ => {
            reading.wrong_type(&at, expected);
            None
        }
    }
}
