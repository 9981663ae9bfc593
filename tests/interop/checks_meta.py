"""What sessions must learn of each other, and can do to each other."""

import asyncio

from agents import Session
from checks import META, REVOKED_FOR, Skip, check, expect, short


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
async def joining_and_leaving_session_is_announced(a, b, uri):
    watcher, guest = sibling(a, uri + "#watcher"), sibling(b, uri + "#guest")
    await watcher.join()
    events = await watcher.subscribe("wamp.session.on_join", uri)
    await guest.join()
    while (await events.get())["args"][0]["session"] != guest.id:
        pass
    left = await watcher.subscribe("wamp.session.on_leave", uri + "#left")
    await guest.leave()
    while (await left.get())["args"][0] != guest.id:
        pass
    await watcher.leave()


@check(META)
async def testament_is_published_when_its_session_leaves(a, b, uri):
    events = await a.subscribe(uri, uri)
    guest = sibling(b, uri + "#guest")
    await guest.join()
    for scope in ("detached", "destroyed"):
        told = await guest.call("wamp.session.add_testament", [uri, ["farewell", scope], {}], {"scope": scope})
        expect("error", told.get("error"), None)
    told = await guest.call("wamp.session.flush_testaments", [], {"scope": "detached"})
    expect("error", told.get("error"), None)
    await guest.leave()
    # What is detached would come first.
    expect("args", (await events.get())["args"], ["farewell", "destroyed"])


@check(META)
async def killed_session_ends(a, b, uri):
    if a.can("told_why_it_ends"):
        raise Skip(f"{a} says why", a, "it says why it ends")
    await kill(a, b, uri)


@check(META, a=["told_why_it_ends"])
async def killed_session_is_told_why(a, b, uri):
    expect("reason", await kill(a, b, uri), REVOKED_FOR)


async def kill(a, b, uri):
    """The reason that a session of the one client gives for its end, which the other one has brought about."""
    guest = sibling(a, uri + "#guest")
    await guest.join()
    told = await b.call("wamp.session.kill", [guest.id], {"reason": REVOKED_FOR})
    expect("error", told.get("error"), None)
    while guest.name not in a.agent.lost:
        await asyncio.sleep(0.002)
    return a.agent.lost[guest.name]


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
