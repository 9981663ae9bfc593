"""What subscribers and publishers must be able to do with each other."""

import asyncio
import base64
import json

from agents import Refused
from checks import PUBSUB, QUIET_S, REVOKED_FOR, Skip, below, check, expect, passthru_options, short, told_of


async def is_quiet(queue):
    await asyncio.sleep(QUIET_S)
    if not queue.empty():
        raise AssertionError(f"an event arrived that must not: {short(queue.get_nowait())}")


@check(PUBSUB)
async def acknowledged_publication_has_an_id(subscriber, publisher, uri):
    publication = await publisher.publish(uri, acknowledge=True)
    if not isinstance(publication, int) or not 0 < publication <= 2**53:
        raise AssertionError(f"publication id {publication!r}")


@check(PUBSUB, b=["ordered"])
async def events_keep_their_order(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    for i in range(100):
        await publisher.publish(uri, [i])
    got = [(await events.get())["args"] for _ in range(100)]
    expect("order", got, [[i] for i in range(100)])


@check(PUBSUB)
async def publisher_is_excluded_by_default(subscriber, publisher, uri):
    own = await publisher.subscribe(uri, uri + "#own")
    await publisher.publish(uri, [1], acknowledge=True)
    await is_quiet(own)


@check(PUBSUB, b=["exclude_me_false"])
async def publisher_receives_its_own_event_when_it_asks(subscriber, publisher, uri):
    own = await publisher.subscribe(uri, uri + "#own")
    await publisher.publish(uri, [1], acknowledge=True, exclude_me=False)
    expect("args", (await own.get())["args"], [1])


@check(PUBSUB)
async def prefix_subscription_names_the_topic(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri, match="prefix")
    await publisher.publish(uri + ".a.b", [1], acknowledge=True)
    event = await events.get()
    expect("args", event["args"], [1])
    expect("topic", event["topic"], uri + ".a.b")


@check(PUBSUB)
async def wildcard_subscription_names_the_topic(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri + "..changed", uri, match="wildcard")
    await publisher.publish(uri + ".lamp.moved", [0], acknowledge=True)
    await publisher.publish(uri + ".lamp.changed", [1], acknowledge=True)
    event = await events.get()
    expect("args", event["args"], [1])
    expect("topic", event["topic"], uri + ".lamp.changed")


@check(PUBSUB)
async def every_matching_subscription_receives_the_event(subscriber, publisher, uri):
    exact = await subscriber.subscribe(uri + ".a.b", uri + "#exact")
    prefix = await subscriber.subscribe(uri + ".a", uri + "#prefix", match="prefix")
    wildcard = await subscriber.subscribe(uri + "..b", uri + "#wildcard", match="wildcard")
    await publisher.publish(uri + ".a.b", ["once"], acknowledge=True)
    for queue in (exact, prefix, wildcard):
        expect("args", (await queue.get())["args"], ["once"])


@check(PUBSUB, a=["unsubscribe"])
async def unsubscribed_session_receives_nothing(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True)
    expect("args", (await events.get())["args"], [1])
    await subscriber.unsubscribe(uri)
    await publisher.publish(uri, [2], acknowledge=True)
    await is_quiet(events)


@check(PUBSUB, b=["publish_lists"])
async def eligible_lets_only_the_named_session_receive(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True, eligible=[publisher.id])
    await publisher.publish(uri, [2], acknowledge=True, eligible=[subscriber.id])
    expect("args", (await events.get())["args"], [2])


@check(PUBSUB, b=["publish_lists"])
async def exclude_keeps_the_named_session_out(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True, exclude=[subscriber.id])
    await publisher.publish(uri, [2], acknowledge=True)
    expect("args", (await events.get())["args"], [2])


@check(PUBSUB, b=["publish_lists", "publish_authroles"])
async def authrole_lists_filter_receivers(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    role = subscriber.authrole or "anonymous"
    await publisher.publish(uri, [1], acknowledge=True, eligible_authrole=["nobody"])
    await publisher.publish(uri, [2], acknowledge=True, exclude_authrole=[role])
    await publisher.publish(uri, [3], acknowledge=True, eligible_authrole=[role])
    expect("args", (await events.get())["args"], [3])


@check(PUBSUB, b=["publish_lists", "publish_authroles"])
async def authid_lists_filter_receivers(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True, eligible_authid=["nobody"])
    await publisher.publish(uri, [2], acknowledge=True, exclude_authid=[subscriber.authid])
    await publisher.publish(uri, [3], acknowledge=True, eligible_authid=[subscriber.authid])
    expect("args", (await events.get())["args"], [3])


@check(PUBSUB, b=["retain"])
async def retained_event_comes_to_who_subscribes_later(subscriber, publisher, uri):
    await publisher.publish(uri, ["old"], acknowledge=True, retain=True)
    await publisher.publish(uri, ["kept"], acknowledge=True, retain=True)
    event = await (await subscriber.subscribe(uri, uri, get_retained=True)).get()
    expect("args", event["args"], ["kept"])
    expect("retained", event.get("retained"), True)


@check(PUBSUB, b=["retain"])
async def retained_event_is_deleted_by_an_empty_publication(subscriber, publisher, uri):
    await publisher.publish(uri, ["old"], acknowledge=True, retain=True)
    await publisher.publish(uri, acknowledge=True, retain=True)
    events = await subscriber.subscribe(uri, uri, get_retained=True)
    await publisher.publish(uri, ["new"], acknowledge=True)
    expect("args", (await events.get())["args"], ["new"])


@check(PUBSUB)
async def event_history_has_what_was_published(subscriber, publisher, uri):
    # Of the topics that are kept, as only a few events are.
    uri = below("history", uri)
    await subscriber.subscribe(uri, uri)
    for number in range(3):
        await publisher.publish(uri, [number], acknowledge=True)
    subscription = (await subscriber.call("wamp.subscription.lookup", [uri]))["args"][0]
    events = (await subscriber.call("wamp.subscription.get_events", [subscription, 10]))["args"][0]
    expect("args", sorted(event["args"] for event in events), [[0], [1], [2]])


@check(PUBSUB)
async def event_history_is_filtered_as_the_specification_has_it(subscriber, publisher, uri):
    uri = below("history", uri)
    await subscriber.subscribe(uri, uri)
    for number in range(3):
        await publisher.publish(uri, [number], acknowledge=True)
    subscription = (await subscriber.call("wamp.subscription.lookup", [uri]))["args"][0]
    latest = await subscriber.call("wamp.subscription.get_events", [subscription], {"reverse": True, "limit": 2})
    expect("the two latest", [event["args"] for event in latest["args"]], [[2], [1]])
    expect("is there more", latest["kwargs"], {"is_limit_reached": True})


@check(PUBSUB, b=["disclose_me"])
async def publisher_is_disclosed_when_it_asks(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True, disclose_me=True)
    event = await events.get()
    expect("publisher", event.get("publisher"), publisher.id)
    who = [event.get("publisher_authid"), event.get("publisher_authrole")]
    expect("authid and role", who, [publisher.authid, publisher.authrole])


@check(PUBSUB)
async def publisher_stays_unknown_by_default(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True)
    expect("publisher", (await events.get()).get("publisher"), None)


@check(PUBSUB, a=["trustlevel"])
async def event_has_the_trust_level_of_its_publisher(subscriber, publisher, uri):
    uri = below("trusted", uri)
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True)
    expect("trustlevel", (await events.get()).get("trustlevel"), 7)


@check(PUBSUB, a=["transaction_hash_shown"], b=["transaction_hash"])
async def transaction_hash_goes_with_an_event(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True, transaction_hash="0x5f")
    expect("transaction hash", (await events.get()).get("transaction_hash"), "0x5f")


@check(PUBSUB, a=["sharding"], b=["sharding"])
async def events_of_one_resource_reach_one_node(subscriber, publisher, uri):
    if subscriber.name == publisher.name:
        raise Skip("needs two sessions")
    nodes = [await subscriber.subscribe(uri, uri + "#1", nkey="node1"), await publisher.subscribe(uri, uri + "#2", nkey="node2")]
    sent = [f"sn{resource}" for resource in range(8)] * 2
    for rkey in sent:
        await publisher.publish(uri, [rkey], acknowledge=True, exclude_me=False, rkey=rkey)
    # Without a resource it goes to both, and comes last.
    await publisher.publish(uri, ["end"], acknowledge=True, exclude_me=False)
    got = []
    for node in nodes:
        got.append([])
        while (args := (await node.get())["args"]) != ["end"]:
            got[-1] += args
    expect("events", sorted(got[0] + got[1]), sorted(sent))
    expect("resources at both nodes", sorted(set(got[0]) & set(got[1])), [])
    if not all(got):
        raise AssertionError("one node has got everything")


@check(PUBSUB, a=["delivery"])
async def delivery_contract_is_agreed(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri, _delivery={"on_slow": "conflate", "queue": 10})
    await publisher.publish(uri, [1], acknowledge=True)
    expect("args", (await events.get())["args"], [1])
    try:
        await subscriber.subscribe(uri + ".other", uri + "#other", _delivery={"on_slow": "hope"})
    except Refused as e:
        expect("error", e.uri, "wamp.error.invalid_argument")
    else:
        raise AssertionError("a contract that does not exist was agreed")


@check(PUBSUB, a=["passthru"], b=["passthru"])
async def passthru_payload_goes_through_an_event(subscriber, publisher, uri):
    options = passthru_options(subscriber, publisher)
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, ["sealed", 7], {"key": [None]}, acknowledge=True, **options)
    event = await events.get()
    expect("payload", [event["args"], event["kwargs"]], [["sealed", 7], {"key": [None]}])
    expect("what the subscriber was told", event["passthru"], options)


@check(PUBSUB, b=["passthru"])
async def passthru_event_comes_untouched_to_who_takes_none(subscriber, publisher, uri):
    # The specification has it so: what to do with it is the subscriber's affair.
    if subscriber.can("passthru"):
        raise Skip(f"{subscriber} takes it", subscriber, "it takes them")
    events = await subscriber.subscribe(uri, uri)
    options = passthru_options(subscriber, publisher)
    await publisher.publish(uri, ["sealed"], acknowledge=True, **options)
    event = await events.get()
    expect("kwargs", event["kwargs"], {})
    (payload,) = event["args"]
    if options["ppt_serializer"] == "json":
        expect("payload", json.loads(payload)["args"], ["sealed"])
    else:
        encoded = base64.b64decode(payload["$bin"])
        if b"sealed" not in encoded:
            raise AssertionError(f"the payload is not what was sent: {encoded!r}")


@check(PUBSUB, a=["sealed"], b=["sealed"])
async def encrypted_payload_goes_through_an_event(subscriber, publisher, uri):
    uri = below("sealed", uri)
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, ["secret", 7], {"key": [None]}, acknowledge=True)
    event = await events.get()
    expect("payload", [event["args"], event["kwargs"]], [["secret", 7], {"key": [None]}])
    expect("algorithm", event["sealed"], "cryptobox")


@check(PUBSUB, a=["subscription_revocation"])
async def revoked_subscription_gets_nothing_and_its_subscriber_goes_on(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await revoke_subscription(subscriber, publisher, uri)
    await publisher.publish(uri, ["gone"], acknowledge=True)
    later = await subscriber.subscribe(uri + ".after", uri + "#after")
    await publisher.publish(uri + ".after", ["still here"], acknowledge=True)
    expect("args", (await later.get())["args"], ["still here"])
    expect("events of what was revoked", events.qsize(), 0)


@check(PUBSUB, a=["subscription_revocation", "revocation_told"])
async def subscriber_is_told_that_its_subscription_is_revoked(subscriber, publisher, uri):
    await subscriber.subscribe(uri, uri)
    await revoke_subscription(subscriber, publisher, uri)
    expect("reason", await told_of(subscriber, uri), REVOKED_FOR)


async def revoke_subscription(subscriber, publisher, uri):
    found = (await publisher.call("wamp.subscription.lookup", [uri]))["args"][0]
    answer = await publisher.call("wamp.subscription.remove_subscriber", [found, subscriber.id, REVOKED_FOR])
    expect("error", answer.get("error"), None)
