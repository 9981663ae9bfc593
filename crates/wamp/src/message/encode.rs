//! From a [`Message`] to bytes.

use super::*;
use crate::payload::Payload;
use crate::serializer::write::{Details, Writer};
use crate::serializer::{Format, Serializer, flatbuffers, with_format};

// As for decoding: inlined, it would be compiled again in each crate that encodes.
#[inline(never)]
pub(super) fn message(message: &Message<'_>, serializer: Serializer, out: &mut Vec<u8>) {
    match serializer {
        Serializer::FlatBuffers => flatbuffers::encode(message, out),
        _ => with_format!(serializer, F => write(message, Writer::<F>::new(out))),
    }
}

fn write<F: Format>(message: &Message<'_>, mut w: Writer<'_, F>) {
    match message {
        Message::Event(it) => event(it, &mut w),
        Message::Invocation(it) => invocation(it, &mut w),
        Message::Result(it) => result(it, &mut w),
        Message::Publish(it) => publish(it, &mut w),
        Message::Call(it) => call(it, &mut w),
        Message::Yield(it) => yield_(it, &mut w),
        Message::Error(it) => error(it, &mut w),
        Message::Published(it) => ids(&mut w, Kind::Published, &[it.request.0, it.publication.0]),
        Message::Subscribed(it) => ids(&mut w, Kind::Subscribed, &[it.request.0, it.subscription.0]),
        Message::Unsubscribe(it) => ids(&mut w, Kind::Unsubscribe, &[it.request.0, it.subscription.0]),
        Message::Registered(it) => ids(&mut w, Kind::Registered, &[it.request.0, it.registration.0]),
        Message::Unregister(it) => ids(&mut w, Kind::Unregister, &[it.request.0, it.registration.0]),
        Message::EventReceived(it) => ids(&mut w, Kind::EventReceived, &[it.publication.0]),
        Message::Unsubscribed(it) => {
            revocable(&mut w, Kind::Unsubscribed, it.request.0, "subscription", it.revoked.as_ref());
        }
        Message::Unregistered(it) => {
            revocable(&mut w, Kind::Unregistered, it.request.0, "registration", it.revoked.as_ref());
        }
        Message::Subscribe(it) => subscribe(it, &mut w),
        Message::Register(it) => register(it, &mut w),
        Message::Cancel(it) => cancel(it, &mut w),
        Message::Interrupt(it) => interrupt(it, &mut w),
        session => session_message(session, &mut w),
    }
    w.end_message();
}

fn session_message<F: Format>(message: &Message<'_>, w: &mut Writer<'_, F>) {
    w.message(3);
    w.uint(message.kind().code());
    match message {
        Message::Hello(it) => {
            match &it.realm {
                Some(realm) => w.str(realm),
                None => w.value(&crate::Value::Null),
            }
            w.dict(&it.details);
        }
        Message::Welcome(it) => {
            w.uint(it.session.0);
            w.dict(&it.details);
        }
        Message::Challenge(it) => {
            w.str(&it.method);
            w.dict(&it.extra);
        }
        Message::Authenticate(it) => {
            w.str(&it.signature);
            w.dict(&it.extra);
        }
        Message::Abort(Abort { details, reason }) | Message::Goodbye(Goodbye { details, reason }) => {
            w.dict(details);
            w.str(reason);
        }
        other => unreachable!("{} is written elsewhere", other.kind().name()),
    }
}

fn ids<F: Format>(w: &mut Writer<'_, F>, kind: Kind, ids: &[u64]) {
    w.message(1 + ids.len());
    w.uint(kind.code());
    ids.iter().for_each(|id| w.uint(*id));
}

fn revocable<F: Format>(
    w: &mut Writer<'_, F>,
    kind: Kind,
    request: u64,
    name: &str,
    revoked: Option<&Revoked>,
) {
    w.message(if revoked.is_some() { 3 } else { 2 });
    w.uint(kind.code());
    w.uint(request);
    if let Some(revoked) = revoked {
        w.details(|d| {
            d.uint(name, Some(revoked.id));
            d.str("reason", revoked.reason.as_deref());
        });
    }
}

#[inline]
fn payload<F: Format>(w: &mut Writer<'_, F>, payload: &Payload<'_>) {
    match payload.bytes_in(F::SERIALIZER) {
        Some(bytes) => w.raw(bytes),
        None => w.transcoded(payload.serializer(), payload.count(), payload.bytes()),
    }
}

fn passthru<F: Format>(d: &mut Details<'_, F>, passthru: Option<&Passthru>) {
    let Some(it) = passthru else { return };
    d.str("ppt_scheme", it.ppt_scheme.as_deref());
    d.str("ppt_serializer", it.ppt_serializer.as_deref());
    d.str("ppt_cipher", it.ppt_cipher.as_deref());
    d.str("ppt_keyid", it.ppt_keyid.as_deref());
    d.str("enc_algo", it.enc_algo.as_deref());
    d.value("enc_key", it.enc_key.as_ref());
    d.str("enc_serializer", it.enc_serializer.as_deref());
}

fn forward_for<F: Format>(d: &mut Details<'_, F>, routers: Option<&[ForwardFor]>) {
    let Some(routers) = routers else { return };
    let routers = routers.iter().map(|router| {
        crate::Dict::new()
            .with("session", router.session.0)
            .with("authid", router.authid.clone())
            .with("authrole", router.authrole.clone())
            .into()
    });
    d.value("forward_for", Some(&crate::Value::List(routers.collect())));
}

#[inline]
fn event<F: Format>(it: &Event<'_>, w: &mut Writer<'_, F>) {
    w.message(4 + it.payload.count());
    w.uint(Kind::Event.code());
    w.uint(it.subscription.0);
    w.uint(it.publication.0);
    let details = &it.details;
    w.details(|d| {
        d.uint("publisher", details.publisher.map(|id| id.0));
        d.str("publisher_authid", details.publisher_authid.as_deref());
        d.str("publisher_authrole", details.publisher_authrole.as_deref());
        d.str("topic", details.topic.as_deref());
        d.uint("trustlevel", details.trustlevel);
        d.flag("retained", details.retained);
        d.flag("x_acknowledged_delivery", details.acknowledged_delivery);
        d.str("transaction_hash", details.transaction_hash.as_deref());
        d.uint("_lost", Some(details.lost).filter(|lost| *lost > 0));
        passthru(d, details.passthru.as_deref());
        forward_for(d, details.forward_for.as_deref());
    });
    payload(w, &it.payload);
}

fn publish<F: Format>(it: &Publish<'_>, w: &mut Writer<'_, F>) {
    w.message(4 + it.payload.count());
    w.uint(Kind::Publish.code());
    w.uint(it.request.0);
    let options = &it.options;
    w.details(|d| {
        d.flag("acknowledge", options.acknowledge);
        if !options.exclude_me {
            d.bool("exclude_me", false);
        }
        d.flag("disclose_me", options.disclose_me);
        d.flag("retain", options.retain);
        if let Some(receivers) = &options.receivers {
            d.ids("exclude", receivers.exclude.as_ref().map(|ids| ids.iter().map(|id| id.0)));
            d.strs("exclude_authid", receivers.exclude_authid.as_deref());
            d.strs("exclude_authrole", receivers.exclude_authrole.as_deref());
            d.ids("eligible", receivers.eligible.as_ref().map(|ids| ids.iter().map(|id| id.0)));
            d.strs("eligible_authid", receivers.eligible_authid.as_deref());
            d.strs("eligible_authrole", receivers.eligible_authrole.as_deref());
            d.str("rkey", receivers.rkey.as_deref());
        }
        d.str("transaction_hash", options.transaction_hash.as_deref());
        passthru(d, options.passthru.as_deref());
        forward_for(d, options.forward_for.as_deref());
    });
    w.str(&it.topic);
    payload(w, &it.payload);
}

fn subscribe<F: Format>(it: &Subscribe<'_>, w: &mut Writer<'_, F>) {
    w.message(4);
    w.uint(Kind::Subscribe.code());
    w.uint(it.request.0);
    w.details(|d| {
        match_policy(d, it.options.match_policy);
        d.flag("get_retained", it.options.get_retained);
        d.str("nkey", it.options.nkey.as_deref());
        if let Some(Ok(delivery)) = it.options.delivery.as_deref() {
            d.value("_delivery", Some(&delivery.into()));
        }
        forward_for(d, it.options.forward_for.as_deref());
    });
    w.str(&it.topic);
}

fn match_policy<F: Format>(d: &mut Details<'_, F>, policy: crate::MatchPolicy) {
    d.str("match", (policy != crate::MatchPolicy::Exact).then(|| policy.as_str()));
}

#[inline]
fn call<F: Format>(it: &Call<'_>, w: &mut Writer<'_, F>) {
    w.message(4 + it.payload.count());
    w.uint(Kind::Call.code());
    w.uint(it.request.0);
    let options = &it.options;
    w.details(|d| {
        d.uint("timeout", Some(options.timeout_ms).filter(|ms| *ms > 0));
        d.flag("receive_progress", options.receive_progress);
        d.flag("progress", options.progress);
        d.flag("disclose_me", options.disclose_me);
        if let Some(sharding) = &options.sharding {
            d.str("runmode", sharding.runmode.map(RunMode::as_str));
            d.str("rkey", sharding.rkey.as_deref());
        }
        d.str("transaction_hash", options.transaction_hash.as_deref());
        passthru(d, options.passthru.as_deref());
        forward_for(d, options.forward_for.as_deref());
    });
    w.str(&it.procedure);
    payload(w, &it.payload);
}

fn cancel<F: Format>(it: &Cancel, w: &mut Writer<'_, F>) {
    w.message(3);
    w.uint(Kind::Cancel.code());
    w.uint(it.request.0);
    w.details(|d| {
        d.str("mode", it.mode.map(CancelMode::as_str));
        forward_for(d, it.forward_for.as_deref());
    });
}

#[inline]
fn result<F: Format>(it: &Result<'_>, w: &mut Writer<'_, F>) {
    w.message(3 + it.payload.count());
    w.uint(Kind::Result.code());
    w.uint(it.request.0);
    w.details(|d| {
        d.flag("progress", it.details.progress);
        passthru(d, it.details.passthru.as_deref());
        forward_for(d, it.details.forward_for.as_deref());
    });
    payload(w, &it.payload);
}

fn register<F: Format>(it: &Register<'_>, w: &mut Writer<'_, F>) {
    w.message(4);
    w.uint(Kind::Register.code());
    w.uint(it.request.0);
    let options = &it.options;
    w.details(|d| {
        match_policy(d, options.match_policy);
        d.str("invoke", (options.invoke != InvokePolicy::Single).then(|| options.invoke.as_str()));
        d.uint("concurrency", options.concurrency);
        d.str("nkey", options.nkey.as_deref());
        d.flag("force_reregister", options.force_reregister);
        d.flag("disclose_caller", options.disclose_caller);
        forward_for(d, options.forward_for.as_deref());
    });
    w.str(&it.procedure);
}

#[inline]
fn invocation<F: Format>(it: &Invocation<'_>, w: &mut Writer<'_, F>) {
    w.message(4 + it.payload.count());
    w.uint(Kind::Invocation.code());
    w.uint(it.request.0);
    w.uint(it.registration.0);
    let details = &it.details;
    w.details(|d| {
        d.uint("caller", details.caller.map(|id| id.0));
        d.str("caller_authid", details.caller_authid.as_deref());
        d.str("caller_authrole", details.caller_authrole.as_deref());
        d.str("procedure", details.procedure.as_deref());
        d.uint("timeout", Some(details.timeout_ms).filter(|ms| *ms > 0));
        d.flag("receive_progress", details.receive_progress);
        d.flag("progress", details.progress);
        d.uint("trustlevel", details.trustlevel);
        d.str("transaction_hash", details.transaction_hash.as_deref());
        passthru(d, details.passthru.as_deref());
        forward_for(d, details.forward_for.as_deref());
    });
    payload(w, &it.payload);
}

fn interrupt<F: Format>(it: &Interrupt, w: &mut Writer<'_, F>) {
    w.message(3);
    w.uint(Kind::Interrupt.code());
    w.uint(it.request.0);
    w.details(|d| {
        d.str("mode", it.mode.map(CancelMode::as_str));
        d.str("reason", it.reason.as_deref());
        forward_for(d, it.forward_for.as_deref());
    });
}

#[inline]
fn yield_<F: Format>(it: &Yield<'_>, w: &mut Writer<'_, F>) {
    w.message(3 + it.payload.count());
    w.uint(Kind::Yield.code());
    w.uint(it.request.0);
    w.details(|d| {
        d.flag("progress", it.options.progress);
        passthru(d, it.options.passthru.as_deref());
        forward_for(d, it.options.forward_for.as_deref());
    });
    payload(w, &it.payload);
}

fn error<F: Format>(it: &Error<'_>, w: &mut Writer<'_, F>) {
    w.message(5 + it.payload.count());
    w.uint(Kind::Error.code());
    w.uint(it.request_kind.code());
    w.uint(it.request.0);
    w.details(|d| {
        passthru(d, it.details.passthru.as_deref());
        forward_for(d, it.details.forward_for.as_deref());
    });
    w.str(&it.error);
    payload(w, &it.payload);
}
