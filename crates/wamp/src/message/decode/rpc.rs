//! CALL, INVOCATION, YIELD, RESULT, REGISTER, CANCEL, INTERRUPT.

use std::borrow::Cow;

use super::*;
use crate::uri::MatchPolicy;

const CANCEL_MODES: &str = "skip, kill or killnowait";

pub(super) fn call<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    let request = fields.request()?;
    let mut options = CallOptions::default();
    fields.options("Options", |option| {
        match &*option.key {
            "timeout" => options.timeout_ms = option.id()?,
            "receive_progress" => options.receive_progress = option.bool()?,
            "progress" => options.progress = option.bool()?,
            // Older clients say `disclose_caller`.
            "disclose_me" | "disclose_caller" => options.disclose_me |= option.bool()?,
            "runmode" => {
                let runmode = option.parsed(RunMode::parse, "partition or all")?;
                options.sharding.get_or_insert_default().runmode = Some(runmode);
            }
            "rkey" => options.sharding.get_or_insert_default().rkey = Some(option.text()?.into()),
            "forward_for" => options.forward_for = option.forward_for()?,
            "transaction_hash" => options.transaction_hash = Some(option.text()?.into()),
            _ => option.passthru(&mut options.passthru)?,
        }
        Ok(())
    })?;
    let procedure = fields.text("procedure")?;
    let payload = fields.payload(options.passthru.as_deref())?;
    Ok(Message::Call(Call { request, options, procedure, payload }))
}

pub(super) fn invocation<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    let request = fields.request()?;
    let registration = RegistrationId(fields.id("registration")?);
    let mut details = InvocationDetails::default();
    fields.options("Details", |detail| {
        match &*detail.key {
            "caller" => details.caller = Some(SessionId(detail.id()?)),
            "caller_authid" => details.caller_authid = Some(detail.text()?),
            "caller_authrole" => details.caller_authrole = Some(detail.text()?),
            "procedure" => details.procedure = Some(detail.text()?),
            "timeout" => details.timeout_ms = detail.id()?,
            "receive_progress" => details.receive_progress = detail.bool()?,
            "progress" => details.progress = detail.bool()?,
            "trustlevel" => details.trustlevel = Some(detail.id()?),
            "forward_for" => details.forward_for = detail.forward_for()?,
            "transaction_hash" => details.transaction_hash = Some(detail.text()?.into()),
            _ => detail.passthru(&mut details.passthru)?,
        }
        Ok(())
    })?;
    let payload = fields.payload(details.passthru.as_deref())?;
    Ok(Message::Invocation(Invocation { request, registration, details, payload }))
}

pub(super) fn yield_<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    let request = fields.request()?;
    let mut options = YieldOptions::default();
    fields.options("Options", |option| {
        match &*option.key {
            "progress" => options.progress = option.bool()?,
            "forward_for" => options.forward_for = option.forward_for()?,
            _ => option.passthru(&mut options.passthru)?,
        }
        Ok(())
    })?;
    let payload = fields.payload(options.passthru.as_deref())?;
    Ok(Message::Yield(Yield { request, options, payload }))
}

pub(super) fn result<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    let request = fields.request()?;
    let mut details = ResultDetails::default();
    fields.options("Details", |detail| {
        match &*detail.key {
            "progress" => details.progress = detail.bool()?,
            "forward_for" => details.forward_for = detail.forward_for()?,
            _ => detail.passthru(&mut details.passthru)?,
        }
        Ok(())
    })?;
    let payload = fields.payload(details.passthru.as_deref())?;
    Ok(Message::Result(Result { request, details, payload }))
}

pub(super) fn register<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    const INVOKE: &str = "single, first, last, roundrobin or random";
    let request = fields.request()?;
    let mut options = RegisterOptions::default();
    fields.options("Options", |option| {
        match &*option.key {
            "match" => {
                options.match_policy = option.parsed(MatchPolicy::parse, "exact, prefix or wildcard")?
            }
            "invoke" => options.invoke = option.parsed(InvokePolicy::parse, INVOKE)?,
            "concurrency" => options.concurrency = Some(option.id()?).filter(|bound| *bound > 0),
            "nkey" => options.nkey = Some(option.text()?.into()),
            "force_reregister" => options.force_reregister = option.bool()?,
            "disclose_caller" => options.disclose_caller = option.bool()?,
            "forward_for" => options.forward_for = option.forward_for()?,
            _ => {}
        }
        Ok(())
    })?;
    let procedure = fields.text("procedure")?;
    fields.end()?;
    Ok(Message::Register(Register { request, options, procedure }))
}

pub(super) fn cancel<F: Format>(fields: &mut Fields<'_, F>) -> Decoded<Message<'static>> {
    let mut cancel = Cancel { request: fields.request()?, mode: None, forward_for: None };
    fields.options("Options", |option| {
        match &*option.key {
            "mode" => cancel.mode = Some(option.parsed(CancelMode::parse, CANCEL_MODES)?),
            "forward_for" => cancel.forward_for = option.forward_for()?,
            _ => {}
        }
        Ok(())
    })?;
    fields.end()?;
    Ok(cancel.into())
}

pub(super) fn interrupt<F: Format>(fields: &mut Fields<'_, F>) -> Decoded<Message<'static>> {
    let mut interrupt = Interrupt { request: fields.request()?, mode: None, reason: None, forward_for: None };
    fields.options("Options", |option| {
        match &*option.key {
            "mode" => interrupt.mode = Some(option.parsed(CancelMode::parse, CANCEL_MODES)?),
            "reason" => interrupt.reason = Some(Cow::Owned(option.text()?.into_owned())),
            "forward_for" => interrupt.forward_for = option.forward_for()?,
            _ => {}
        }
        Ok(())
    })?;
    fields.end()?;
    Ok(interrupt.into())
}
