//! Times as the management API tells them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Now, in UTC: `2026-11-21T08:30:00.000Z`.
pub(crate) fn utcnow() -> String {
    utc(SystemTime::now())
}

/// This time, in UTC.
pub(crate) fn utc(time: SystemTime) -> String {
    let since = since_1970(time);
    let timestamp = Timestamp::from_millisecond(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    timestamp.map_or_else(|_| String::new(), |it| it.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// Since the beginning of 1970; zero for a clock that is set before it.
pub(crate) fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc_with_milliseconds() {
        assert_eq!(utc(UNIX_EPOCH + Duration::from_millis(1_795_249_800_003)), "2026-11-21T08:30:00.003Z");
    }
}
