//! What options of a message take while they are kept, in bytes.
//!
//! A peer can put as much into them as into a payload: bounds on what is kept count both.

use std::mem::size_of;

use crossweave_wamp::Value;
use crossweave_wamp::message::{Call, CallOptions, ForwardFor, Passthru};

/// What one call takes besides its texts and payload.
const CALL_BYTES: usize = 256;

/// A call as it is kept.
pub(crate) fn call(call: &Call<'_>) -> usize {
    CALL_BYTES + call.procedure.len() + call.payload.bytes().len() + call_options(&call.options)
}

/// What is in the options of a call beside numbers and flags.
pub(crate) fn call_options(options: &CallOptions) -> usize {
    let CallOptions { sharding, passthru: packed, forward_for, transaction_hash, .. } = options;
    let rkey = sharding.as_deref().and_then(|sharding| sharding.rkey.as_deref());
    passed_on(packed.as_deref(), forward_for.as_deref(), transaction_hash.as_deref())
        + rkey.map_or(0, str::len)
}

/// Options that receivers are told as well.
pub(crate) fn passed_on(
    packed: Option<&Passthru>,
    hops: Option<&[ForwardFor]>,
    transaction_hash: Option<&str>,
) -> usize {
    packed.map_or(0, passthru)
        + hops.into_iter().flatten().map(hop).sum::<usize>()
        + transaction_hash.map_or(0, str::len)
}

fn hop(hop: &ForwardFor) -> usize {
    size_of::<ForwardFor>() + hop.authid.as_ref().map_or(0, String::len) + hop.authrole.len()
}

fn passthru(passthru: &Passthru) -> usize {
    let texts = [
        &passthru.ppt_scheme,
        &passthru.ppt_serializer,
        &passthru.ppt_cipher,
        &passthru.ppt_keyid,
        &passthru.enc_algo,
        &passthru.enc_serializer,
    ];
    let key = match &passthru.enc_key {
        Some(Value::Str(key)) => key.len(),
        Some(Value::Bin(key)) => key.len(),
        _ => 0,
    };
    size_of::<Passthru>() + texts.into_iter().flatten().map(String::len).sum::<usize>() + key
}
