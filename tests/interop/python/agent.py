"""Autobahn|Python (asyncio) as a peer that does what the interop driver tells it.

Reads one JSON command per line on stdin and answers on stdout, as described in ../README.md. One process holds
any number of sessions, each with its own transport and serializer.
"""

import asyncio
import base64
import json
import sys
from urllib.parse import urlparse

import txaio

txaio.use_asyncio()

from autobahn.asyncio.rawsocket import WampRawSocketClientFactory
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp import serializer as serializers
from autobahn.wamp.auth import create_authenticator
from autobahn.wamp.cryptobox import KeyRing
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import (
    CallOptions,
    CallResult,
    ComponentConfig,
    PublishOptions,
    RegisterOptions,
    SubscribeOptions,
)

SERIALIZERS = {
    "json": serializers.JsonSerializer,
    "msgpack": serializers.MsgPackSerializer,
    "cbor": serializers.CBORSerializer,
    "ubjson": serializers.UBJSONSerializer,
    "flatbuffers": serializers.FlatBuffersSerializer,
}
# Over WebSocket they can also put several messages into one of its own; of FlatBuffers Autobahn cannot.
BATCHED = ["json", "msgpack", "cbor", "ubjson"]

# What a session of this client can be asked for; the driver skips the checks that need more.
FEATURES = {
    "transports": [
        *(f"{transport}-{serializer}" for transport in ("ws", "rs") for serializer in SERIALIZERS),
        *(f"ws-{serializer}.batched" for serializer in BATCHED),
    ],
    "binary": True,
    "progress": True,
    "call_timeout": True,
    "cancel": True,
    "cancel_skip": False,
    "interruptible": True,
    "disclose_me": False,
    "disclose_caller": False,
    "passthru": False,
    "parts": False,
    "sharding": False,
    "trustlevel": False,
    "delivery": False,
    "revocation_told": False,
    "subscription_revocation": False,
    # Why not, for the table.
    "why": {
        "cancel_skip": "it cancels without a mode",
        "disclose_me": "its options have no `disclose_me`",
        "disclose_caller": "its options have no `disclose_caller`",
        "passthru": "it has the older form only",
        "parts": "it has no progressive call invocations",
        "sharding": "its options have no `rkey`, `nkey` and `runmode`",
        "trustlevel": "its details have no `trustlevel`",
        "delivery": "its options take no attributes of others",
        "revocation_told": "it logs that its registration was revoked, and tells nobody",
        "subscription_revocation": "it announces it, and closes its connection at UNSUBSCRIBED with request 0",
    },
    "complex_result": True,
    "publish_lists": True,
    "topic_of_event": True,
    # In FlatBuffers Autobahn announces no feature, names no authentication method, takes the URI of an ERROR for its
    # arguments, and cannot write lists of authroles and authids.
    "without": {
        f"{transport}-flatbuffers": [
            "auth", "progress", "interruptible", "errors", "publish_authroles", "sealed", "transaction_hash", "told_why_it_ends"
        ]
        for transport in ("ws", "rs")
    },
    "auth": ["ticket", "wampcra", "wampcra-salted", "wampcra-derived", "scram", "cryptosign"],
}

# Payloads of URIs below this are encrypted (the older form of payload passthru), with a key that all these sessions have.
SEALED = "com.example.sealed."
SEALED_KEY = base64.b64encode(bytes(range(32))).decode()

# What the library calls a method's credential.
CREDENTIALS = {"ticket": "ticket", "wampcra": "secret", "scram": "password", "cryptosign": "privkey"}

sessions = {}


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def pack(value):
    """Python value to the driver's JSON: bytes become {"$bin": base64}."""
    if getattr(value, "tag", None) == 64:
        # Wampy tags its bytes as a typed array (RFC 8746), which cbor2 hands to the application as they are.
        value = value.value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bin": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, (list, tuple)):
        return [pack(v) for v in value]
    if isinstance(value, dict):
        return {k: pack(v) for k, v in value.items()}
    return value


def unpack(value):
    """The reverse of `pack`."""
    if isinstance(value, list):
        return [unpack(v) for v in value]
    if isinstance(value, dict):
        if set(value) == {"$bin"}:
            return base64.b64decode(value["$bin"])
        return {k: unpack(v) for k, v in value.items()}
    return value


class Peer(ApplicationSession):
    """One session; `joined` resolves once it is established."""

    def __init__(self, config, name, joined, auth=None):
        super().__init__(config)
        self.auth = None
        if auth:
            credential = {CREDENTIALS[auth["method"]]: auth["credential"]}
            self.auth = create_authenticator(auth["method"], authid=auth["authid"], **credential)
            self.authid_asked = auth["authid"]
        self.name = name
        self.joined = joined
        self.left = asyncio.get_running_loop().create_future()
        self.subscriptions = {}
        self.registrations = {}
        self.calls = {}
        keys = KeyRing()
        keys.set_key(SEALED, SEALED_KEY)
        self.set_payload_codec(keys)

    def onConnect(self):
        if self.auth is None:
            return super().onConnect()
        extra = self.auth.authextra
        self.join(self.config.realm, authmethods=[self.auth.name], authid=self.authid_asked, authextra=extra)

    def onChallenge(self, challenge):
        return self.auth.on_challenge(self, challenge)

    def onWelcome(self, welcome):
        return self.auth.on_welcome(self, welcome.authextra) if self.auth else None

    def onJoin(self, details):
        self.joined.set_result(details)

    def onLeave(self, details):
        if not self.joined.done():
            self.joined.set_exception(ApplicationError(details.reason, details.message))
        elif sessions.pop(self.name, None) is self:
            say({"lost": {"s": self.name, "reason": details.reason}})
        self.disconnect()

    def onDisconnect(self):
        if not self.joined.done():
            self.joined.set_exception(RuntimeError("transport closed before the session was established"))
        if not self.left.done():
            self.left.set_result(None)

    def onUserError(self, fail, msg):
        pass


async def join(c):
    loop = asyncio.get_running_loop()
    joined = loop.create_future()
    peer = Peer(ComponentConfig(realm=c["realm"]), c["s"], joined, c.get("auth"))
    url = urlparse(c["url"])
    name, _, batched = c["serializer"].partition(".")
    serializer = SERIALIZERS[name](batched=batched == "batched")
    if url.scheme == "rs":
        factory = WampRawSocketClientFactory(lambda: peer, serializer=serializer)
    else:
        factory = WampWebSocketClientFactory(lambda: peer, url=c["url"], serializers=[serializer])
        factory.setProtocolOptions(openHandshakeTimeout=5, closeHandshakeTimeout=2, tcpNoDelay=True)
    await loop.create_connection(factory, url.hostname, url.port)
    details = await joined
    sessions[c["s"]] = peer
    return {"session": details.session, "authid": details.authid, "authrole": details.authrole}


async def leave(c):
    peer = sessions.pop(c["s"])
    peer.leave()
    await peer.left


async def subscribe(c):
    peer = sessions[c["s"]]

    def on_event(*args, _details=None, **kwargs):
        say(
            {
                "event": {
                    "sub": c["sub"],
                    "args": pack(args),
                    "kwargs": pack(kwargs),
                    "topic": _details.topic,
                    "publisher": _details.publisher,
                    "publication": _details.publication,
                    "retained": _details.retained,
                    "publisher_authid": _details.publisher_authid,
                    "publisher_authrole": _details.publisher_authrole,
                    "transaction_hash": _details.transaction_hash,
                    "sealed": _details.enc_algo,
                }
            }
        )

    options = SubscribeOptions(match=c.get("match"), get_retained=c.get("get_retained"), details_arg="_details")
    subscription = await peer.subscribe(on_event, c["topic"], options=options)
    peer.subscriptions[c["sub"]] = subscription
    return {"subscription": subscription.id}


async def unsubscribe(c):
    await sessions[c["s"]].subscriptions.pop(c["sub"]).unsubscribe()


async def publish(c):
    peer = sessions[c["s"]]
    options = PublishOptions(**c.get("options", {}))
    pending = peer.publish(
        c["topic"], *unpack(c.get("args", [])), options=options, **unpack(c.get("kwargs", {}))
    )
    publication = await pending if pending is not None else None
    return {"publication": publication.id if publication else None}


def endpoint(c):
    """The procedure a REGISTER asked for, by the name of its behaviour."""
    does, reg = c["does"], c["reg"]

    async def echo(*args, _details=None, **kwargs):
        return CallResult(*args, **kwargs)

    async def fail(*args, _details=None, **kwargs):
        raise ApplicationError("com.example.error.refused", *args, **kwargs)

    async def count(n, _details=None):
        for i in range(n):
            _details.progress(i)
        return n

    async def name(_details=None):
        return reg

    async def details(_details=None):
        return CallResult(
            procedure=_details.procedure,
            caller=_details.caller,
            caller_authid=_details.caller_authid,
            caller_authrole=_details.caller_authrole,
            transaction_hash=_details.transaction_hash,
            sealed=_details.enc_algo,
        )

    async def hang(_details=None):
        say({"invoked": reg})
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            say({"interrupted": reg})
            raise

    return {"echo": echo, "fail": fail, "count": count, "name": name, "details": details, "hang": hang}[does]


async def register(c):
    peer = sessions[c["s"]]
    options = RegisterOptions(
        match=c.get("match"),
        invoke=c.get("invoke"),
        concurrency=c.get("concurrency"),
        force_reregister=c.get("force_reregister"),
        details_arg="_details",
    )
    registration = await peer.register(endpoint(c), c["procedure"], options=options)
    peer.registrations[c["reg"]] = registration
    return {"registration": registration.id}


async def unregister(c):
    await sessions[c["s"]].registrations.pop(c["reg"]).unregister()


async def call(c):
    peer = sessions[c["s"]]
    progress = []
    options = {}
    if c.get("progress"):
        options["on_progress"] = lambda *args, **kwargs: progress.append(pack(args))
    if c.get("timeout_ms"):
        options["timeout"] = c["timeout_ms"]
    if c.get("transaction_hash"):
        options["transaction_hash"] = c["transaction_hash"]
    pending = peer.call(
        c["procedure"],
        *unpack(c.get("args", [])),
        options=CallOptions(**options) if options else None,
        **unpack(c.get("kwargs", {})),
    )
    peer.calls[c["procedure"]] = pending
    try:
        result = await pending
    except asyncio.CancelledError:
        return {"error": "cancelled locally", "args": [], "kwargs": {}}
    except ApplicationError as e:
        return {"error": e.error, "args": pack(e.args), "kwargs": pack(e.kwargs)}
    if isinstance(result, CallResult):
        args, kwargs = result.results, result.kwresults
    else:
        args, kwargs = ([] if result is None else [result]), {}
    return {"args": pack(args or []), "kwargs": pack(kwargs or {}), "progress": progress}


async def cancel(c):
    sessions[c["s"]].calls[c["procedure"]].cancel()


OPERATIONS = {
    f.__name__: f for f in (join, leave, subscribe, unsubscribe, publish, register, unregister, call, cancel)
}


async def answer(c):
    try:
        say({"id": c["id"], "ok": await OPERATIONS[c["op"]](c) or {}})
    except ApplicationError as e:
        say({"id": c["id"], "refused": e.error, "text": e.error_message()})
    except BaseException as e:
        say({"id": c["id"], "failed": f"{type(e).__name__}: {e}"})


async def main():
    loop = asyncio.get_running_loop()
    txaio.config.loop = loop
    stdin = asyncio.StreamReader(limit=1 << 26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    say({"ready": FEATURES})
    tasks = set()
    while line := await stdin.readline():
        task = loop.create_task(answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
