"""What two stock clients must be able to do with each other through the router.

A check is a coroutine `(a, b, uri)`: `a` is the callee or subscriber, `b` the caller or publisher, `uri` a fresh
prefix. It returns nothing or raises. `@check` names what the clients need for it. Here is what checks are made of, and those of
payloads; the others are in `checks_rpc.py`, `checks_pubsub.py` and `checks_meta.py`.
"""

import asyncio
import base64
import functools

RPC, PUBSUB, META = "rpc", "pubsub", "meta"
CHECKS = {RPC: [], PUBSUB: [], META: []}

# Why the checks revoke things and end sessions.
REVOKED_FOR = "com.example.reason"

# How long to watch for something that must not come.
QUIET_S = 0.05


class Skip(Exception):
    """A client cannot do this, over this connection or (then `why` says why not) at all."""

    def __init__(self, text, session=None, why=None):
        super().__init__(text)
        self.client, self.why = session and session.agent.name, why


def check(kind, a=(), b=()):
    """Files a check under `kind`; `a` and `b` list the features each side needs."""

    def wrap(f):
        @functools.wraps(f)
        async def run(left, right, uri):
            for session, needs in ((left, a), (right, b)):
                for feature in needs:
                    if not session.can(feature):
                        raise Skip(f"{session} has no {feature}", session, session.why_not(feature))
            return await f(left, right, uri)

        CHECKS[kind].append(run)
        return run

    return wrap


def below(name, uri):
    """The same URI where the node or a client has something special."""
    return uri.replace("com.example.interop", f"com.example.{name}")


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


def passthru_options(a, b):
    """In a serializer whose result both connections can carry: JSON has no octets but as text."""
    serializer = "json" if "json" in a.transport + b.transport else "msgpack"
    return {"ppt_scheme": "x_interop", "ppt_serializer": serializer, "ppt_cipher": "none", "ppt_keyid": "k1"}


async def told_of(session, name):
    """The reason for which the session was told that it has lost a subscription or registration."""
    while name not in session.agent.revoked:
        await asyncio.sleep(0.002)
    return session.agent.revoked[name]


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
