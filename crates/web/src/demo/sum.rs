//! `com.example.add2`: the procedure that every WAMP tutorial calls.

use crossweave_client::{Arguments, Client, Invocation, Registration, RequestError, Value, WampError, uris};

/// Adds two numbers.
pub const ADD2: &str = "com.example.add2";

pub(crate) async fn register(client: &Client) -> Result<Registration, RequestError> {
    client.register_dynamic(ADD2, |invocation: Invocation| async move { add(&invocation.args()) }).await
}

fn add(args: &[Value]) -> Result<Arguments, WampError> {
    match args {
        [a, b] => Ok(Arguments::new().arg(sum(a, b).map_err(invalid)?)),
        _ => Err(invalid("two numbers")),
    }
}

fn invalid(expected: &str) -> WampError {
    WampError::new(uris::INVALID_ARGUMENT).arg(format!("{ADD2} takes {expected}"))
}

/// The sum: exact if both are integers, else a floating point number.
fn sum(a: &Value, b: &Value) -> Result<Value, &'static str> {
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return whole(a + b).ok_or("integers whose sum fits in 64 bits");
    }
    let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else { return Err("two numbers") };
    let sum = a + b;
    // JSON has no word for infinity: it would be null.
    if sum.is_finite() { Ok(sum.into()) } else { Err("numbers whose sum is finite") }
}

/// The integer; two of them cannot overflow.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some((*number).into()),
        Value::UInt(number) => Some((*number).into()),
        _ => None,
    }
}

/// An integer as WAMP has it: from -2^63 to 2^64 - 1.
fn whole(number: i128) -> Option<Value> {
    let signed = i64::try_from(number).map(Value::from).ok();
    signed.or_else(|| u64::try_from(number).map(Value::from).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_integers_are_exact() {
        assert_eq!(sum(&2.into(), &3.into()), Ok(5.into()));
        let max = Value::from(i64::MAX);
        assert_eq!(sum(&max, &1.into()), Ok(9_223_372_036_854_775_808_u64.into()));
        assert_eq!(sum(&max, &max), Ok((u64::MAX - 1).into()));
        assert_eq!(sum(&u64::MAX.into(), &(-1).into()), Ok((u64::MAX - 1).into()));
        assert_eq!(sum(&u64::MAX.into(), &i64::MIN.into()), Ok(i64::MAX.into()));
    }

    #[test]
    fn fractions_make_a_fraction() {
        assert_eq!(sum(&2.into(), &0.5.into()), Ok(2.5.into()));
    }

    #[test]
    fn a_sum_that_cannot_be_told_is_an_error_that_says_so() {
        for (a, b, expected) in [
            (u64::MAX.into(), Value::from(1), "fits in 64 bits"),
            (i64::MIN.into(), (-1).into(), "fits in 64 bits"),
            (f64::MAX.into(), f64::MAX.into(), "finite"),
            (f64::NAN.into(), 1.into(), "finite"),
        ] {
            let error = add(&[a, b]).unwrap_err();
            assert_eq!(error.uri, uris::INVALID_ARGUMENT);
            assert!(error.args[0].as_str().is_some_and(|text| text.contains(expected)), "{error:?}");
        }
    }

    #[test]
    fn other_arguments_have_no_sum() {
        for args in [vec![], vec![1.into()], vec![1.into(), "2".into()], vec![1.into(), 2.into(), 3.into()]] {
            assert_eq!(add(&args).unwrap_err().uri, uris::INVALID_ARGUMENT, "{args:?}");
        }
    }
}
