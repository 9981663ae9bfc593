"""The processes that run stock WAMP clients, and the sessions that live in them.

An agent speaks one JSON object per line: commands in, answers and pushed events out (see README.md).
"""

import asyncio
import json
import os
import signal


class Refused(Exception):
    """The router answered an operation with an ERROR or ABORT."""

    def __init__(self, uri, text):
        super().__init__(f"{uri}: {text}")
        self.uri = uri


class Failed(Exception):
    """The client itself failed."""


class Agent:
    """One client library in its own process."""

    def __init__(self, name, argv, env=None):
        self.name = name
        self.argv = argv
        self.env = {**os.environ, **(env or {})}
        self.features = {}
        self.waiting = {}
        self.events = {}
        self.invoked = set()
        self.interrupted = set()
        # Reasons, by subscription or registration, and by session.
        self.revoked = {}
        self.lost = {}
        self.next_id = 0
        self.process = None
        self.ended = False

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            *self.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.env,
            limit=1 << 26,
        )
        self.noise = []
        self.tasks = [asyncio.create_task(self._errors())]
        first = await asyncio.wait_for(self.process.stdout.readline(), 30)
        if not first:
            await asyncio.sleep(0.2)
            raise Failed(f"{self.name} did not start: {''.join(self.noise[-12:])}")
        self.features = json.loads(first)["ready"]
        self.tasks.append(asyncio.create_task(self._answers()))

    async def stop(self):
        if self.process and self.process.returncode is None:
            self.process.stdin.close()
            try:
                await asyncio.wait_for(self.process.wait(), 3)
            except asyncio.TimeoutError:
                self.process.send_signal(signal.SIGKILL)
                await self.process.wait()
        for task in self.tasks:
            task.cancel()

    async def _errors(self):
        while line := await self.process.stderr.readline():
            self.noise.append(line.decode(errors="replace"))
            del self.noise[:-200]

    async def _answers(self):
        while line := await self.process.stdout.readline():
            message = json.loads(line)
            if "event" in message:
                event = message["event"]
                self.events.setdefault(event["sub"], asyncio.Queue()).put_nowait(event)
            elif "interrupted" in message:
                self.interrupted.add(message["interrupted"])
            elif "revoked" in message:
                self.revoked[message["revoked"]["name"]] = message["revoked"]["reason"]
            elif "lost" in message:
                self.lost[message["lost"]["s"]] = message["lost"]["reason"]
            elif "invoked" in message:
                self.invoked.add(message["invoked"])
            elif "id" in message:
                answer = self.waiting.pop(message["id"], None)
                if answer is not None and not answer.done():
                    answer.set_result(message)
        self.ended = True
        for answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(self._obituary())

    def _obituary(self):
        return Failed(f"{self.name} ended: {''.join(self.noise[-12:])}")

    async def ask(self, **command):
        if self.ended:
            raise self._obituary()
        self.next_id += 1
        answer = asyncio.get_running_loop().create_future()
        self.waiting[self.next_id] = answer
        self.process.stdin.write(json.dumps({"id": self.next_id, **command}).encode() + b"\n")
        try:
            await self.process.stdin.drain()
        except ConnectionError:
            raise self._obituary() from None
        message = await answer
        if "refused" in message:
            raise Refused(message["refused"], message.get("text", ""))
        if "failed" in message:
            raise Failed(f"{self.name}: {message['failed']}")
        return message["ok"]

    def queue(self, sub):
        return self.events.setdefault(sub, asyncio.Queue())


class Session:
    """One session of an agent. Every method is one operation of the client library."""

    def __init__(self, agent, name, transport, url, realm):
        self.agent = agent
        self.name = name
        self.transport = transport
        self.url = url
        self.realm = realm
        self.id = None
        # Method, authid and credential; absent for anonymous.
        self.auth = None

    def __str__(self):
        return f"{self.agent.name}/{self.transport}"

    def can(self, feature):
        features = self.agent.features
        return features.get(feature, True) and feature not in features.get("without", {}).get(self.transport, [])

    def why_not(self, feature):
        """Why the client cannot do this over any connection; None where it can over some."""
        features = self.agent.features
        return None if features.get(feature, True) else features["why"][feature]

    async def join(self):
        serializer = self.transport.split("-")[1]
        ok = await self._ask("join", url=self.url, realm=self.realm, serializer=serializer, auth=self.auth)
        self.id, self.authid, self.authrole = ok["session"], ok.get("authid"), ok.get("authrole")
        return self

    async def leave(self):
        await self._ask("leave")

    async def subscribe(self, topic, sub, match=None, **options):
        await self._ask("subscribe", topic=topic, sub=sub, match=match, **options)
        return self.agent.queue(sub)

    async def unsubscribe(self, sub):
        await self._ask("unsubscribe", sub=sub)

    async def publish(self, topic, args=(), kwargs=None, **options):
        ok = await self._ask("publish", topic=topic, args=list(args), kwargs=kwargs or {}, options=options)
        return ok["publication"]

    async def register(self, procedure, does, reg=None, **options):
        await self._ask("register", procedure=procedure, does=does, reg=reg or procedure, **options)

    async def unregister(self, procedure, reg=None):
        await self._ask("unregister", procedure=procedure, reg=reg or procedure)

    async def call(self, procedure, args=(), kwargs=None, **options):
        return await self._ask("call", procedure=procedure, args=list(args), kwargs=kwargs or {}, **options)

    async def cancel(self, procedure, mode):
        await self._ask("cancel", procedure=procedure, mode=mode)

    async def _ask(self, op, **command):
        return await self.agent.ask(op=op, s=self.name, **command)
