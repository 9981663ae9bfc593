"""A small application as one writes it for Crossbar.io: an ApplicationSession with decorators, and a runner.

    crossbar_app.py [ws://host:port/ws | rs://host:port] [realm]

It keeps a shopping list: procedures to add to it and read it, an event for every change, and a subscription that
counts the changes other people announce.
"""

import asyncio
import os
import sys

from autobahn import wamp
from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import PublishOptions, RegisterOptions


@wamp.error("com.example.shopping.error.empty")
class EmptyItem(Exception):
    """Nothing was named."""


class ShoppingList(ApplicationSession):
    def __init__(self, config=None):
        ApplicationSession.__init__(self, config)
        self.define(EmptyItem)
        self.items = []
        self.heard = 0

    @wamp.register("com.example.shopping.add")
    async def add(self, item, amount=1):
        if not item:
            raise EmptyItem("name an item")
        self.items.append({"item": item, "amount": amount})
        self.publish(
            "com.example.shopping.on_change",
            item,
            amount=amount,
            options=PublishOptions(acknowledge=True),
        )
        return len(self.items)

    @wamp.register("com.example.shopping.list")
    def list_items(self):
        return self.items

    @wamp.register("com.example.shopping.heard")
    def count_heard(self):
        return self.heard

    @wamp.register("com.example.shopping.add_slowly", options=RegisterOptions(details_arg="details"))
    async def add_slowly(self, items, details=None):
        for number, item in enumerate(items, 1):
            await asyncio.sleep(0)
            self.items.append({"item": item, "amount": 1})
            if details.progress:
                details.progress(number)
        return len(items)

    @wamp.register("com.example.shopping.stop")
    def stop(self):
        asyncio.get_running_loop().call_later(0.1, self.leave)

    @wamp.subscribe("com.example.kitchen.needs")
    def on_need(self, item):
        self.heard += 1

    async def onJoin(self, details):
        for result in await self.register(self):
            if isinstance(result, ApplicationError):
                raise result
        for result in await self.subscribe(self):
            if isinstance(result, ApplicationError):
                raise result
        print(f"ready on realm {details.realm} as {details.authrole}", flush=True)

    def onLeave(self, details):
        print(f"left: {details.reason}", flush=True)
        self.disconnect()

    def onDisconnect(self):
        asyncio.get_running_loop().stop()


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("CBURL", "ws://127.0.0.1:8080/ws")
    realm = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("CBREALM", "realm1")
    ApplicationRunner(url, realm).run(ShoppingList)
