//! A panic of what a program has added is a failure of that, and of nothing else.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Does some work; it is not gone on with after a panic.
pub(crate) async fn guarded<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let mut work = pin!(work);
    poll_fn(move |cx| match guarded_call(|| work.as_mut().poll(cx)) {
        Ok(polled) => polled,
        Err(why) => Poll::Ready(Err(why)),
    })
    .await
}

/// Calls a function.
pub(crate) fn guarded_call<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_whenever_it_comes() {
        assert_eq!(guarded(async { Ok(1) }).await, Ok(1));
        let late = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "a defect");
            Ok(())
        };
        assert_eq!(guarded(late).await, Err("it panicked".to_owned()));
        assert_eq!(guarded_call(|| assert!(std::hint::black_box(false))), Err("it panicked".to_owned()));
    }
}
