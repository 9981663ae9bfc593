"""Boots a router for the checks, or takes one that runs already."""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile

import authentication

READY_WITHIN_S = 30
STOPS_WITHIN_S = 10

CONFIG = {
    "version": 2,
    "workers": [
        {
            "type": "router",
            "realms": [
                {
                    "name": "realm1",
                    "store": {
                        "type": "memory",
                        "event-history": [{"uri": "com.example.history.", "match": "prefix", "limit": 100}],
                    },
                    "roles": [
                        {
                            "name": "anonymous",
                            "permissions": [
                                {
                                    "uri": "",
                                    "match": "prefix",
                                    "allow": {"call": True, "register": True, "publish": True, "subscribe": True},
                                }
                            ],
                        }
                    ],
                }
            ],
            "transports": [],
        }
    ],
}


# What checks need that Crossbar.io has not, or lets everybody do: the power to end sessions and to revoke, and a trust level.
CROSSWEAVE_PERMISSIONS = [
    {"uri": "wamp.", "match": "prefix", "allow": {"call": True, "subscribe": True}},
    {
        "uri": "com.example.trusted.",
        "match": "prefix",
        "allow": {"call": True, "register": True, "publish": True, "subscribe": True},
        "trustlevel": 7,
    },
]


def crossweave_transports(port):
    """RawSocket and WebSocket on one port."""
    return [
        {
            "type": "universal",
            "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"},
            "rawsocket": {},
            "web": {"paths": {"lp": {"type": "longpoll"}}},
            "websocket": {
                "ws": {"type": "websocket"},
                authentication.PATH: {
                    "type": "websocket",
                    "auth": authentication.auth_section("anonymous"),
                },
            },
        }
    ]


class Router:
    """A running router. `ws` and `rs` are its URLs."""

    def __init__(self, ws, rs, process=None, folder=None, log=None):
        self.ws, self.rs = ws, rs
        self.process, self.folder, self.log = process, folder, log

    def url(self, transport):
        if transport.startswith("lp"):
            return self.ws_at("lp").replace("ws://", "http://", 1)
        return self.rs if transport.startswith("rs") else self.ws

    def ws_at(self, path):
        """The WebSocket URL of another path."""
        return f"{self.ws.rsplit('/', 1)[0]}/{path}"

    async def stop(self):
        """Ends a router started here. Returns what was wrong with its end, or None."""
        if self.process is None:
            return None
        if self.process.returncode is not None:
            return f"the router had ended by itself with status {self.process.returncode}"
        self.process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(self.process.wait(), STOPS_WITHIN_S)
        except asyncio.TimeoutError:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()
            return f"the router did not stop within {STOPS_WITHIN_S} s of SIGINT"
        if self.process.returncode != 0:
            return f"the router ended with status {self.process.returncode} after SIGINT"
        return None


async def start(binary, crossbar=False, port=0):
    """Boots `binary` (crossweave, or crossbar for comparison) with a fresh node directory."""
    folder = tempfile.TemporaryDirectory(prefix="interop-")
    config = json.loads(json.dumps(CONFIG))
    config["workers"][0]["transports"] = crossweave_transports(port)
    if not crossbar:
        config["workers"][0]["realms"][0]["roles"][0]["permissions"] += CROSSWEAVE_PERMISSIONS
    os.makedirs(os.path.join(folder.name, ".crossbar"))
    cbdir = os.path.join(folder.name, ".crossbar")
    with open(os.path.join(cbdir, "config.json"), "w") as f:
        json.dump(config, f)
    log = open(os.path.join(folder.name, "router.log"), "w+")
    argv = [binary, "start", "--cbdir", cbdir]
    if not crossbar:
        argv += ["--config", os.path.join(cbdir, "config.json")]
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=asyncio.subprocess.STDOUT, start_new_session=True
    )
    router = Router(None, None, process, folder, log)
    try:
        bound = port if crossbar else await asyncio.wait_for(announced_port(process, log.name), READY_WITHIN_S)
        await asyncio.wait_for(listening(process, bound), READY_WITHIN_S)
    except (asyncio.TimeoutError, RuntimeError) as e:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        with open(log.name) as f:
            sys.exit(f"{binary} did not become ready ({e or 'time is up'}); its log:\n{f.read()[-4000:]}")
    router.ws, router.rs = f"ws://127.0.0.1:{bound}/ws", f"rs://127.0.0.1:{bound}"
    return router


async def announced_port(process, log):
    """The port of the `ws://HOST:PORT/ws` that the node prints once it listens."""
    while True:
        with open(log) as f:
            if found := re.search(r"ws://[^\s/]+:(\d+)/ws", f.read()):
                return int(found.group(1))
        if process.returncode is not None:
            raise RuntimeError(f"it ended with status {process.returncode}")
        await asyncio.sleep(0.05)


async def listening(process, port):
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            if process.returncode is not None:
                raise RuntimeError(f"it ended with status {process.returncode}")
            await asyncio.sleep(0.1)
