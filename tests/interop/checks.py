"""What two stock clients must be able to do with each other through the router.

A check is a coroutine `(a, b, uri)`: `a` is the callee or subscriber, `b` the caller or publisher, `uri` a fresh
prefix. It returns nothing or raises. `@check` names what the clients need for it.
"""

import asyncio
import base64
import functools

from agents import Refused, Session

RPC, PUBSUB, META = "rpc", "pubsub", "meta"
CHECKS = {RPC: [], PUBSUB: [], META: []}

# How long to watch for something that must not come.
QUIET_S = 0.05


class Skip(Exception):
    """The client cannot do this."""


def check(kind, a=(), b=()):
    """Files a check under `kind`; `a` and `b` list the features each side needs."""

    def wrap(f):
        @functools.wraps(f)
        async def run(left, right, uri):
            for session, needs in ((left, a), (right, b)):
                for feature in needs:
                    if not session.can(feature):
                        raise Skip(f"{session} has no {feature}")
            return await f(left, right, uri)

        CHECKS[kind].append(run)
        return run

    return wrap


def binary(data):
    return {"$bin": base64.b64encode(data).decode()}


def same(got, want):
    """Equality that tells true from 1 but not 1 from 1.0: JavaScript has one number type."""
    if isinstance(got, bool) or isinstance(want, bool):
        return got is want
    if isinstance(got, (int, float)) and isinstance(want, (int, float)):
        return got == want
    if isinstance(got, list) and isinstance(want, list):
        return len(got) == len(want) and all(map(same, got, want))
    if isinstance(got, dict) and isinstance(want, dict):
        return got.keys() == want.keys() and all(same(got[k], want[k]) for k in want)
    return type(got) is type(want) and got == want


def expect(what, got, want):
    if not same(got, want):
        raise AssertionError(f"{what}: got {short(got)}, expected {short(want)}")


def short(value):
    text = repr(value)
    return text if len(text) < 200 else f"{text[:120]} … ({len(text)} characters)"


PAYLOADS = {
    "empty": ([], {}),
    "unicode": (["Grüße, 世界 🌍 \u2028 é ẞ", "", "quote \" backslash \\ tab \t"], {"ключ": "значение"}),
    "nested": ([[1, [2, [3, [[], {}]]]], {"a": {"b": {"c": [{"d": None}]}}}], {"deep": {"list": [[], [[]], {}]}}),
    "integers": ([0, 1, -1, 127, 128, 255, 256, -128, -129, 65535, 65536, 2**31, -(2**31) - 1, 2**32], {}),
    "integers_53_bit": ([2**53 - 1, -(2**53) + 1, 2**53], {}),
    "floats": ([0.5, -0.25, 3.141592653589793, 1e300, 5e-324, -1e-7], {}),
    "null_and_booleans": ([None, True, False], {"n": None, "t": True, "f": False}),
    "keywords": ([1], {"first": "Grace", "last": "Hopper", "n": 3}),
    "binary": ([binary(bytes(range(256))), binary(b"")], {"key": binary(b"\x00\xff\x00")}),
    "big": (["x" * 200_000], {}),
    "big_binary": ([binary(bytes(range(256)) * 256)], {}),
}


def payload_check(kind, name, run):
    """One check for one payload."""

    async def body(a, b, uri):
        if name == "floats" and "ubjson" in a.transport and "ubjson" in b.transport:
            raise Skip("bjdata writes tiny floats as decimal digits, and reads those as Decimal")
        await run(a, b, uri, *PAYLOADS[name])

    body.__name__ = f"payload_{name}"
    needs = [feature for feature in ("binary", "integers_53_bit") if feature in name]
    check(kind, a=needs, b=needs)(body)


async def echoes(callee, caller, uri, args, kwargs):
    await callee.register(uri, "echo")
    result = await caller.call(uri, args, kwargs)
    expect("error", result.get("error"), None)
    expect("args", result["args"], args)
    expect("kwargs", result["kwargs"], kwargs)


async def arrives(subscriber, publisher, uri, args, kwargs):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, args, kwargs, acknowledge=True)
    event = await events.get()
    expect("args", event["args"], args)
    expect("kwargs", event["kwargs"], kwargs)


for _name in PAYLOADS:
    payload_check(RPC, _name, echoes)
    payload_check(PUBSUB, _name, arrives)


# Remote procedure calls


@check(RPC, b=["errors"])
async def error_carries_uri_args_and_kwargs(callee, caller, uri):
    await callee.register(uri, "fail")
    result = await caller.call(uri, ["why", 7], {"hint": "ask later"})
    expect("error", result.get("error"), "com.example.error.refused")
    expect("args", result["args"], ["why", 7])
    expect("kwargs", result["kwargs"], {"hint": "ask later"})


@check(RPC, b=["errors"])
async def call_without_callee_is_refused(callee, caller, uri):
    result = await caller.call(uri)
    expect("error", result.get("error"), "wamp.error.no_such_procedure")


@check(RPC, a=["unregister"], b=["errors"])
async def unregistered_procedure_is_gone(callee, caller, uri):
    await callee.register(uri, "echo")
    await callee.unregister(uri)
    result = await caller.call(uri)
    expect("error", result.get("error"), "wamp.error.no_such_procedure")


@check(RPC, a=["errors"], b=["errors"])
async def second_registration_is_refused(callee, caller, uri):
    await callee.register(uri, "echo")
    try:
        await caller.register(uri, "echo", reg=uri + ".again")
    except Refused as e:
        expect("error", e.uri, "wamp.error.procedure_already_exists")
    else:
        raise AssertionError("the second registration was accepted")


@check(RPC, a=["progress", "ordered"], b=["progress"])
async def progressive_results_come_in_order(callee, caller, uri):
    await callee.register(uri, "count")
    result = await caller.call(uri, [5], progress=True)
    expect("error", result.get("error"), None)
    expect("progress", result["progress"], [[i] for i in range(5)])
    expect("result", result["args"], [5])


@check(RPC, b=["call_timeout", "errors"])
async def call_times_out_in_milliseconds(callee, caller, uri):
    await callee.register(uri, "hang")
    loop = asyncio.get_running_loop()
    start = loop.time()
    result = await caller.call(uri, timeout_ms=150)
    expect("error", result.get("error"), "wamp.error.timeout")
    waited = loop.time() - start
    if not 0.14 <= waited <= 1.5:
        raise AssertionError(f"a timeout of 150 ms took {waited:.3f} s")


async def cancel_hanging_call(callee, caller, uri, mode):
    """Cancels a call once its callee works on it; both sessions must survive."""
    await callee.register(uri, "hang")
    call = asyncio.ensure_future(caller.call(uri))
    while uri not in callee.agent.invoked:
        await asyncio.sleep(0.002)
    await caller.cancel(uri, mode)
    result = await call
    if result.get("error") not in ("wamp.error.canceled", "cancelled locally"):
        raise AssertionError(f"the cancelled call ended in {short(result)}")
    await callee.register(uri + ".after", "echo")
    expect("next call", (await caller.call(uri + ".after", [1])).get("args"), [1])


@check(RPC, a=["interruptible"], b=["cancel", "errors"])
async def cancel_interrupts_the_callee(callee, caller, uri):
    await cancel_hanging_call(callee, caller, uri, "kill")
    while uri not in callee.agent.interrupted:
        await asyncio.sleep(0.002)


@check(RPC, b=["cancel", "errors"])
async def cancel_ends_a_call_whose_callee_cannot_be_interrupted(callee, caller, uri):
    if callee.can("interruptible"):
        raise Skip(f"{callee} can be interrupted")
    await cancel_hanging_call(callee, caller, uri, "kill")


@check(RPC, b=["cancel_skip", "errors"])
async def cancel_in_skip_mode_ends_the_call_at_once(callee, caller, uri):
    await cancel_hanging_call(callee, caller, uri, "skip")


@check(RPC)
async def prefix_registration_names_the_procedure(callee, caller, uri):
    await callee.register(uri, "details", match="prefix")
    result = await caller.call(uri + ".some.where")
    expect("procedure", result.get("kwargs", {}).get("procedure"), uri + ".some.where")


@check(RPC)
async def wildcard_registration_names_the_procedure(callee, caller, uri):
    await callee.register(uri + "..get", "details", match="wildcard")
    result = await caller.call(uri + ".lamp.get")
    expect("procedure", result.get("kwargs", {}).get("procedure"), uri + ".lamp.get")
    other = await caller.call(uri + ".lamp.set")
    expect("error", other.get("error"), "wamp.error.no_such_procedure")


@check(RPC)
async def exact_registration_wins_over_patterns(callee, caller, uri):
    await callee.register(uri, "name", reg=uri + "#prefix", match="prefix")
    await callee.register(uri + "..b", "name", reg=uri + "#wildcard", match="wildcard")
    await callee.register(uri + ".a.b", "name", reg=uri + "#exact")
    expect("exact", (await caller.call(uri + ".a.b"))["args"], [uri + "#exact"])
    expect("prefix", (await caller.call(uri + ".a.c"))["args"], [uri + "#prefix"])


@check(RPC)
async def shared_registration_takes_turns(callee, caller, uri):
    if callee.name == caller.name:
        raise Skip("needs two sessions")
    await callee.register(uri, "name", reg=uri + "#1", invoke="roundrobin")
    await caller.register(uri, "name", reg=uri + "#2", invoke="roundrobin")
    names = [(await caller.call(uri))["args"][0] for _ in range(4)]
    expect("calls per callee", sorted(names), [uri + "#1"] * 2 + [uri + "#2"] * 2)
    expect("turns", names[:2], names[2:])


async def calls_of_two_callees(callee, caller, uri, invoke):
    """Whom four calls reach."""
    if callee.name == caller.name:
        raise Skip("needs two sessions")
    await callee.register(uri, "name", reg=uri + "#1", invoke=invoke)
    await caller.register(uri, "name", reg=uri + "#2", invoke=invoke)
    return [(await caller.call(uri))["args"][0] for _ in range(4)]


@check(RPC)
async def shared_registration_prefers_the_first(callee, caller, uri):
    expect("callees", await calls_of_two_callees(callee, caller, uri, "first"), [uri + "#1"] * 4)


@check(RPC)
async def shared_registration_prefers_the_last(callee, caller, uri):
    expect("callees", await calls_of_two_callees(callee, caller, uri, "last"), [uri + "#2"] * 4)


@check(RPC)
async def shared_registration_picks_at_random(callee, caller, uri):
    names = await calls_of_two_callees(callee, caller, uri, "random")
    if not set(names) <= {uri + "#1", uri + "#2"}:
        raise AssertionError(f"neither callee has answered: {names}")


@check(RPC, b=["force_reregister"])
async def registering_by_force_takes_the_procedure(callee, caller, uri):
    if callee.name == caller.name:
        raise Skip("needs two sessions")
    await callee.register(uri, "name", reg=uri + "#1")
    await caller.register(uri, "name", reg=uri + "#2", force_reregister=True)
    expect("callee", (await caller.call(uri))["args"], [uri + "#2"])


@check(RPC, b=["disclose_me"])
async def caller_is_disclosed_when_it_asks(callee, caller, uri):
    await callee.register(uri, "details")
    told = await caller.call(uri, disclose_me=True)
    expect("caller", told.get("kwargs", {}).get("caller"), caller.id)


@check(RPC)
async def caller_stays_unknown_by_default(callee, caller, uri):
    await callee.register(uri, "details")
    expect("caller", (await caller.call(uri))["kwargs"].get("caller"), None)


@check(RPC)
async def many_calls_at_once_keep_their_answers(callee, caller, uri):
    await callee.register(uri, "echo")
    results = await asyncio.gather(*(caller.call(uri, [i]) for i in range(50)))
    expect("answers", [r.get("args") for r in results], [[i] for i in range(50)])


# Publish and subscribe


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


@check(PUBSUB)
async def event_history_has_what_was_published(subscriber, publisher, uri):
    # Of the topics that are kept, as only a few events are.
    uri = uri.replace("com.example.interop", "com.example.history")
    await subscriber.subscribe(uri, uri)
    for number in range(3):
        await publisher.publish(uri, [number], acknowledge=True)
    subscription = (await subscriber.call("wamp.subscription.lookup", [uri]))["args"][0]
    events = (await subscriber.call("wamp.subscription.get_events", [subscription, 10]))["args"][0]
    expect("args", sorted(event["args"] for event in events), [[0], [1], [2]])


@check(PUBSUB, b=["disclose_me"])
async def publisher_is_disclosed_when_it_asks(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True, disclose_me=True)
    expect("publisher", (await events.get()).get("publisher"), publisher.id)


@check(PUBSUB)
async def publisher_stays_unknown_by_default(subscriber, publisher, uri):
    events = await subscriber.subscribe(uri, uri)
    await publisher.publish(uri, [1], acknowledge=True)
    expect("publisher", (await events.get()).get("publisher"), None)


# Session meta procedures


def sibling(session, name):
    """Another session of the same client over the same transport, not yet joined."""
    return Session(session.agent, name, session.transport, session.url, session.realm)


@check(META)
async def session_count_and_list_and_get_agree(a, b, uri):
    listed = (await b.call("wamp.session.list")).get("args", [None])[0]
    if not isinstance(listed, list) or a.id not in listed or b.id not in listed:
        raise AssertionError(f"{a.id} and {b.id} are not both in the list {short(listed)}")
    count = (await b.call("wamp.session.count"))["args"]
    while count != [len((await b.call("wamp.session.list"))["args"][0])]:
        # Another pair's guest came or went in between; a router that miscounts runs into the deadline.
        count = (await b.call("wamp.session.count"))["args"]
    details = (await b.call("wamp.session.get", [a.id]))["args"][0]
    expect("session", details["session"], a.id)
    expect("authrole", details["authrole"], a.authrole or "anonymous")


@check(META, b=["errors"])
async def unknown_session_is_refused(a, b, uri):
    expect("error", (await b.call("wamp.session.get", [1])).get("error"), "wamp.error.no_such_session")


@check(META)
async def joining_session_is_announced(a, b, uri):
    watcher, guest = sibling(a, uri + "#watcher"), sibling(b, uri + "#guest")
    await watcher.join()
    events = await watcher.subscribe("wamp.session.on_join", uri)
    await guest.join()
    while (await events.get())["args"][0]["session"] != guest.id:
        pass
    await guest.leave()
    await watcher.leave()


@check(META)
async def testament_is_published_when_its_session_leaves(a, b, uri):
    events = await a.subscribe(uri, uri)
    guest = sibling(b, uri + "#guest")
    await guest.join()
    told = await guest.call("wamp.session.add_testament", [uri, ["farewell"], {}])
    expect("error", told.get("error"), None)
    await guest.leave()
    expect("args", (await events.get())["args"], ["farewell"])


@check(META)
async def subscription_is_found_and_its_subscriber_listed(a, b, uri):
    await a.subscribe(uri, uri)
    found = (await b.call("wamp.subscription.lookup", [uri]))["args"][0]
    expect("match", (await b.call("wamp.subscription.match", [uri]))["args"], [[found]])
    expect("uri", (await b.call("wamp.subscription.get", [found]))["args"][0]["uri"], uri)
    expect("subscribers", (await b.call("wamp.subscription.list_subscribers", [found]))["args"], [[a.id]])
    expect("count", (await b.call("wamp.subscription.count_subscribers", [found]))["args"], [1])


@check(META)
async def registration_is_found_and_its_callee_listed(a, b, uri):
    await a.register(uri, "echo")
    found = (await b.call("wamp.registration.lookup", [uri]))["args"][0]
    expect("match", (await b.call("wamp.registration.match", [uri]))["args"], [found])
    expect("uri", (await b.call("wamp.registration.get", [found]))["args"][0]["uri"], uri)
    expect("callees", (await b.call("wamp.registration.list_callees", [found]))["args"], [[a.id]])
    expect("count", (await b.call("wamp.registration.count_callees", [found]))["args"], [1])
