"""Registers a procedure and publishes an event each second. Written for Autobahn, as for any WAMP router."""

import asyncio

from autobahn.asyncio.component import Component, run

component = Component(transports="ws://127.0.0.1:8080/ws", realm="realm1")


@component.register("com.example.greet")
def greet(name):
    return f"Hello, {name}!"


@component.on_join
async def joined(session, details):
    print(f"joined {details.realm} as session {details.session}")
    tick = 0
    while session.is_attached():
        session.publish("com.example.ticks", tick)
        tick += 1
        await asyncio.sleep(1)


if __name__ == "__main__":
    run([component])
