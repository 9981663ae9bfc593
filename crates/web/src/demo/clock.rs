//! `com.example.clock`: the time, once a second.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossweave_client::{Client, RequestError};

/// Args: the time as text, such as `2026-11-21T08:30:00Z`, and a number that counts up from 1.
pub const CLOCK: &str = "com.example.clock";

/// Publishes until the session ends.
pub(crate) async fn run(client: &Client) -> Result<(), RequestError> {
    for tick in 1u64.. {
        tokio::time::sleep(until_next_second(SystemTime::now())).await;
        // Acknowledged, so that a role that may not publish says so at once.
        match client.publish(CLOCK, (text(SystemTime::now()), tick)).acknowledged().await {
            Ok(_) => {}
            Err(RequestError::Disconnected(_)) => break,
            Err(refused) => return Err(refused),
        }
    }
    Ok(())
}

/// From `now` to the next full second.
fn until_next_second(now: SystemTime) -> Duration {
    let into_second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    Duration::from_secs(1) - Duration::from_nanos(into_second.into())
}

/// The full second that is nearest: a timer may fire a little early or late.
fn text(now: SystemTime) -> String {
    humantime::format_rfc3339_seconds(now + Duration::from_millis(500)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    #[test]
    fn ticks_fall_on_full_seconds() {
        assert_eq!(until_next_second(at(1_000)), Duration::from_millis(1_000));
        assert_eq!(until_next_second(at(1_999)), Duration::from_millis(1));
    }

    #[test]
    fn the_time_is_told_as_text_in_utc() {
        assert_eq!(text(at(1_795_249_800_003)), "2026-11-21T08:30:00Z");
        assert_eq!(text(at(1_795_249_799_998)), "2026-11-21T08:30:00Z");
    }
}
