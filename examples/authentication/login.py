#!/usr/bin/env python3
"""Logs in to the node with Autobahn by each method in turn: `pip install 'autobahn[encryption,scram,serialization]'`."""

import asyncio
import hashlib
import os

from autobahn.asyncio.component import Component, run

URL = os.environ.get("CROSSWEAVE_URL", "ws://127.0.0.1:8080/ws")
KEY = hashlib.sha256(b"the example key of bot").hexdigest()

METHODS = [
    {"anonymous": {}},
    {"ticket": {"authid": "tom", "ticket": "example-ticket-of-tom"}},
    {"wampcra": {"authid": "kim", "secret": "example-secret-of-kim"}},
    {
        "scram": {
            "authid": "eve",
            "password": "example-password-of-eve",
            "kdf": "argon2id-13",
        }
    },
    {"cryptosign": {"authid": "bot", "privkey": KEY}},
]


def component(authentication):
    made = Component(
        transports=[{"type": "websocket", "url": URL, "max_retries": 0}],
        realm="realm1",
        authentication=authentication,
    )

    @made.on_join
    async def joined(session, details):
        print(f"{details.authmethod}: {details.authid} has role {details.authrole}", flush=True)
        session.leave()

    return made


run([component(method) for method in METHODS], log_level="error")
