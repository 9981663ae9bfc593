//! PUBLISH, EVENT, SUBSCRIBE.

use super::*;
use crate::delivery::Delivery;
use crate::uri::MatchPolicy;

pub(super) fn publish<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    let request = fields.request()?;
    let mut options = PublishOptions::default();
    fields.options("Options", |option| publish_option(&mut options, &option))?;
    let topic = fields.text("topic")?;
    let payload = fields.payload(options.passthru.as_deref())?;
    Ok(Message::Publish(Publish { request, options, topic, payload }))
}

fn publish_option(options: &mut PublishOptions, option: &Opt<'_, '_>) -> Decoded<()> {
    fn receivers(options: &mut PublishOptions) -> &mut Receivers {
        options.receivers.get_or_insert_default()
    }
    match &*option.key {
        "acknowledge" => options.acknowledge = option.bool()?,
        "exclude_me" => options.exclude_me = option.bool()?,
        "disclose_me" => options.disclose_me = option.bool()?,
        "retain" => options.retain = option.bool()?,
        "exclude" => receivers(options).exclude = Some(option.sessions()?),
        "exclude_authid" => receivers(options).exclude_authid = Some(option.texts()?),
        "exclude_authrole" => receivers(options).exclude_authrole = Some(option.texts()?),
        "eligible" => receivers(options).eligible = Some(option.sessions()?),
        "eligible_authid" => receivers(options).eligible_authid = Some(option.texts()?),
        "eligible_authrole" => receivers(options).eligible_authrole = Some(option.texts()?),
        "rkey" => receivers(options).rkey = Some(option.text()?.into()),
        "forward_for" => options.forward_for = option.forward_for()?,
        "transaction_hash" => options.transaction_hash = Some(option.text()?.into()),
        _ => option.passthru(&mut options.passthru)?,
    }
    Ok(())
}

pub(super) fn event<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    let subscription = SubscriptionId(fields.id("subscription")?);
    let publication = PublicationId(fields.id("publication")?);
    let mut details = EventDetails::default();
    fields.options("Details", |detail| {
        match &*detail.key {
            "publisher" => details.publisher = Some(SessionId(detail.id()?)),
            "publisher_authid" => details.publisher_authid = Some(detail.text()?),
            "publisher_authrole" => details.publisher_authrole = Some(detail.text()?),
            "topic" => details.topic = Some(detail.text()?),
            "trustlevel" => details.trustlevel = Some(detail.id()?),
            "retained" => details.retained = detail.bool()?,
            "x_acknowledged_delivery" => details.acknowledged_delivery = detail.bool()?,
            "forward_for" => details.forward_for = detail.forward_for()?,
            "transaction_hash" => details.transaction_hash = Some(detail.text()?.into()),
            // What others mean by it is not ours to judge.
            "_lost" => details.lost = detail.it.as_u64().unwrap_or(0),
            _ => detail.passthru(&mut details.passthru)?,
        }
        Ok(())
    })?;
    let payload = fields.payload(details.passthru.as_deref())?;
    Ok(Message::Event(Event { subscription, publication, details, payload }))
}

pub(super) fn subscribe<'a, F: Format>(fields: &mut Fields<'a, F>) -> Decoded<Message<'a>> {
    let request = fields.request()?;
    let mut options = SubscribeOptions::default();
    fields.options("Options", |option| {
        match &*option.key {
            "match" => {
                options.match_policy = option.parsed(MatchPolicy::parse, "exact, prefix or wildcard")?
            }
            "get_retained" => options.get_retained = option.bool()?,
            "nkey" => options.nkey = Some(option.text()?.into()),
            "_delivery" => options.delivery = Some(Box::new(Delivery::read(&option.it))),
            "forward_for" => options.forward_for = option.forward_for()?,
            _ => {}
        }
        Ok(())
    })?;
    let topic = fields.text("topic")?;
    fields.end()?;
    Ok(Message::Subscribe(Subscribe { request, options, topic }))
}
