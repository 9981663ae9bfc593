//! `com.example.add2`: the procedure that every WAMP tutorial calls.

use crossweave_client::{Arguments, Client, Invocation, Registration, RequestError, Value, WampError, uris};

/// Adds two numbers.
pub const ADD2: &str = "com.example.add2";

pub(crate) async fn register(client: &Client) -> Result<Registration, RequestError> {
    client.register_dynamic(ADD2, |invocation: Invocation| async move { add(&invocation.args()) }).await
}

fn add(args: &[Value]) -> Result<Arguments, WampError> {
    match sum(args) {
        Some(sum) => Ok(Arguments::new().arg(sum)),
        None => Err(WampError::new(uris::INVALID_ARGUMENT).arg(format!("{ADD2} takes two numbers"))),
    }
}

/// The sum: an integer if both are and it fits, else a floating point number.
fn sum(args: &[Value]) -> Option<Value> {
    let [a, b] = args else { return None };
    let exact = a.as_i64().zip(b.as_i64()).and_then(|(a, b)| a.checked_add(b));
    Some(match exact {
        Some(sum) => sum.into(),
        None => (a.as_f64()? + b.as_f64()?).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_stay_integers_until_they_overflow() {
        assert_eq!(sum(&[2.into(), 3.into()]), Some(5.into()));
        assert_eq!(sum(&[2.into(), 0.5.into()]), Some(2.5.into()));
        assert_eq!(sum(&[i64::MAX.into(), 1.into()]), Some(9_223_372_036_854_775_808.0.into()));
    }

    #[test]
    fn other_arguments_have_no_sum() {
        for args in [vec![], vec![1.into()], vec![1.into(), "2".into()], vec![1.into(), 2.into(), 3.into()]] {
            assert_eq!(add(&args).unwrap_err().uri, uris::INVALID_ARGUMENT, "{args:?}");
        }
    }
}
