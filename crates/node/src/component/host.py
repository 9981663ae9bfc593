"""Runs one component: a session of Autobahn on a realm of a router.

`task`, `channel` and `inbox` come from whoever runs this. It ends when the component does, or when `inbox` ends.
"""

import importlib
import inspect
import json
import os
import sys
import threading
import time
import traceback

# Nobody else may read or write the channel, and whoever reads standard input finds nothing there.
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.path[:0] = [*task["pythonpath"], os.getcwd()]

# A component that still runs so long after it was told to end does not hear it, and the node, which would end it, may be gone.
LAST_MOMENT_S = 10
is_over = threading.Event()
stops = []

STARTING = (
    "While notifying 'connect'",
    "While calling 'onConnect'",
    "While firing onWelcome",
    "While notifying 'join'",
    "While firing onJoin",
)
# From the node's names to Autobahn's, and what they are divided by: the node's are in milliseconds.
OPTIONS = {
    "validate_utf8": ("utf8validateIncoming", None),
    "accept_masked_server_frames": ("acceptMaskedServerFrames", None),
    "mask_client_frames": ("maskClientFrames", None),
    "apply_mask": ("applyMask", None),
    "max_frame_size": ("maxFramePayloadSize", None),
    "max_message_size": ("maxMessagePayloadSize", None),
    "auto_fragment_size": ("autoFragmentSize", None),
    "fail_by_drop": ("failByDrop", None),
    "echo_close_codereason": ("echoCloseCodeReason", None),
    "tcp_nodelay": ("tcpNoDelay", None),
    "open_handshake_timeout": ("openHandshakeTimeout", 1000),
    "close_handshake_timeout": ("closeHandshakeTimeout", 1000),
    "auto_ping_interval": ("autoPingInterval", 1000),
    "auto_ping_timeout": ("autoPingTimeout", 1000),
    "auto_ping_size": ("autoPingSize", None),
}


class Silence:
    """A log that nobody reads."""

    def __getattr__(self, _level):
        return lambda *_args, **_fields: None


class State:
    """What is known of the component."""

    failure = None
    is_stopping = False
    has_joined = False
    left_by = None


state = State()


def tell(**what):
    try:
        channel.sendall(json.dumps(what).encode() + b"\n")
    except OSError:
        # The node is gone, and so will we be.
        pass


def fail(why, lasting=False, goodbye=None, stage=None):
    """`goodbye`: the reason by which the router has ended the session, if it has. `stage`: `import`, `connect` or nothing."""
    if state.failure is None and not state.is_stopping:
        state.failure = why
        tell(failed=why, lasting=lasting, goodbye=goodbye, stage=stage)


def said(error):
    """What an error says: one of WAMP by its URI and its arguments, another one by its type."""
    error = getattr(error, "value", error)
    uri = getattr(error, "error", None)
    text = ", ".join(str(arg) for arg in error.args) if isinstance(uri, str) else str(error)
    text = text[:-1] if text.endswith(".") else text
    name = uri if isinstance(uri, str) else type(error).__name__
    return f"{name}: {text}" if text else name


def address():
    """Where the component connects to."""
    given = task["transport"]["endpoint"]
    if given["type"] == "unix":
        return "unix:" + given["path"]
    return f"{given['host']}:{given['port']}"


def load(name):
    """The object of this name in a module."""
    module, _, attribute = name.rpartition(".")
    loaded = importlib.import_module(module)
    try:
        return getattr(loaded, attribute)
    except AttributeError:
        raise ImportError(f"module {module!r} has no {attribute!r}") from None


def callback(name):
    """A function of a component that is made of functions."""
    import txaio

    try:
        return load(name)
    except RuntimeError as error:
        # What txaio says when a module asks for asyncio.
        if not (txaio.using_twisted and "Explicitly using" in str(error)):
            raise
        module = name.rpartition(".")[0]
        raise ImportError(f"module {module!r} is for asyncio, and functions run with Twisted") from None


def uses_asyncio(cls):
    return any(base.__module__.startswith("autobahn.asyncio") for base in cls.__mro__)


def has_twisted():
    try:
        importlib.import_module("twisted.internet")
    except ImportError:
        return False
    return True


def transport(is_asyncio):
    """The transport as Autobahn's Component takes it."""
    from autobahn.wamp.serializer import SERID_TO_SER

    given = task["transport"]
    kind = given["type"]
    best = [name for name in ("cbor", "msgpack", "json") if name in SERID_TO_SER]
    result = {"type": kind, "endpoint": endpoint(given["endpoint"], is_asyncio), "max_retries": 0}
    result["options"] = options(given.get("options") or {}, kind)
    if kind == "websocket":
        result["url"] = given["url"]
        result["serializers"] = given.get("serializers") or best
    else:
        result["url"] = given.get("url") or "rs://localhost"
        result["serializer"] = given.get("serializer") or best[0]
    return result


def options(given, kind):
    result = {}
    for key, value in given.items():
        name, divisor = OPTIONS.get(key, (None, None))
        if name and value is not None and (kind == "websocket" or key == "max_message_size"):
            result[name] = value / divisor if divisor else value
    return result


def endpoint(given, is_asyncio):
    result = {key: value for key, value in given.items() if key != "tls"}
    if given.get("tls"):
        result["tls"] = (tls_asyncio if is_asyncio else tls_twisted)(given["tls"])
    return result


def tls_asyncio(given):
    import ssl

    context = ssl.create_default_context()
    for file in given["ca_certificates"]:
        context.load_verify_locations(cafile=file)
    if given["certificate"]:
        context.load_cert_chain(given["certificate"], given["key"])
    return context


def tls_twisted(given):
    try:
        import service_identity  # noqa: F401: without it Twisted does not compare names of hosts
        from twisted.internet import ssl
    except ImportError as error:
        raise RuntimeError(f"a connection over TLS needs pyOpenSSL and service_identity: {error}") from None

    def read(file):
        with open(file, "rb") as opened:
            return opened.read()

    begin = b"-----BEGIN CERTIFICATE-----"
    pems = [begin + pem for file in given["ca_certificates"] for pem in read(file).split(begin)[1:]]
    roots = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(pem) for pem in pems]) if pems else None
    own = None
    if given["certificate"]:
        own = ssl.PrivateCertificate.loadPEM(read(given["key"]) + b"\n" + read(given["certificate"]))
    return ssl.optionsForClientTLS(given["hostname"], trustRoot=roots, clientCertificate=own)


def awaited(session, method, what, done=lambda: None):
    """This method of a session, with its errors told: with asyncio, Autobahn waits for none, and loses what they raise."""
    import txaio

    async def run(*args):
        try:
            result = method(*args)
            if inspect.isawaitable(result):
                await result
        except Exception:
            session._swallow_error(txaio.create_failure(), what)
        else:
            done()

    return run


def make_component(Component, cls, is_asyncio):
    """Autobahn's Component, which connects once and tells what happens."""

    def left(_session, details):
        state.left_by = details.reason

    def session(config):
        made = cls(config)
        swallow = made._swallow_error

        def swallowed(failure, message):
            swallow(failure, message)
            if message in STARTING:
                fail(f"{message}: {said(failure)}")
                made.disconnect()

        made._swallow_error = swallowed
        # Before Component hears of it, which tells of a failure at once.
        made.on("leave", left)
        if is_asyncio:
            made.onConnect = awaited(made, made.onConnect, "While calling 'onConnect'")
            made.onJoin = awaited(made, made.onJoin, "While firing onJoin", ready)
        return made

    component = Component(
        transports=[transport(is_asyncio)],
        realm=task["realm"],
        extra=task.get("extra"),
        session_factory=session,
        authentication=task.get("auth") or {},
    )

    # What it would say of the connection, the node says.
    component.log = Silence()

    def joined(_session, details):
        state.has_joined = True
        tell(joined=details.session)

    def ready(_session=None):
        if state.failure is None:
            tell(ready=True)

    def connect_failed(_component, error):
        why = said(error)
        if type(error).__name__ == "ConnectionAborted" and not state.has_joined:
            # Twisted's words for a handshake that Autobahn did not like, which tell nobody anything.
            why = "what is there did not open a WAMP connection"
        # A router that has refused it was reached.
        was_reached = state.has_joined or isinstance(getattr(error, "error", None), str)
        what = "its session is over" if state.has_joined else f"it cannot join {task['realm']!r} at {address()}"
        goodbye = state.left_by if state.has_joined else None
        fail(f"{what}: {why}", goodbye=goodbye, stage=None if was_reached else "connect")

    component.on("connectfailure", connect_failed)
    component.on("join", joined)
    if not is_asyncio:
        component.on("ready", ready)
    for event, name in (task.get("callbacks") or {}).items():
        component.on(event, callback(name))
    return component


def wait():
    """Waits until the node has nothing more to say, whatever the component does meanwhile."""
    try:
        inbox.read()
    except OSError:
        pass
    is_over.set()
    tell_stops()
    time.sleep(LAST_MOMENT_S)
    os._exit(1)


def watch(stop):
    """Calls `stop` when the node has nothing more to say."""
    stops.append(stop)
    if is_over.is_set():
        tell_stops()


def tell_stops():
    while stops:
        stops.pop()()


class Untimed:
    """Where txaio writes what is logged, each line with its time: the node's log has that already."""

    def __init__(self):
        # Twisted puts its log in the place of stdout.
        self.out = sys.stdout
        # By this txaio knows that it takes text.
        self.mode = "w"

    def write(self, line):
        self.out.write(line.partition(" ")[2])

    def flush(self):
        self.out.flush()


def run_twisted(cls):
    import txaio
    from autobahn.twisted.component import Component
    from twisted.internet import reactor

    txaio.start_logging(out=Untimed(), level="info")
    component = make_component(Component, cls, False)

    def done(_):
        # What the session still has to send is sent first.
        reactor.callLater(0, lambda: reactor.running and reactor.stop())

    def failed(failure):
        fail(said(failure))
        done(None)

    def stop():
        state.is_stopping = True
        reactor.callLater(3, done, None)
        component.stop()

    def start():
        component.start(reactor).addCallbacks(done, failed)
        watch(lambda: reactor.callFromThread(stop))

    reactor.callWhenRunning(start)
    reactor.run()


def run_asyncio(cls):
    import asyncio

    import txaio
    from autobahn.asyncio.component import Component

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    txaio.config.loop = loop
    txaio.start_logging(out=Untimed(), level="info")
    component = make_component(Component, cls, True)

    async def main():
        done = component.start(loop)
        ended = asyncio.Event()

        def stop():
            state.is_stopping = True
            component.stop()
            loop.call_later(3, ended.set)

        watch(lambda: loop.call_soon_threadsafe(stop))
        waiting = asyncio.ensure_future(ended.wait())
        await asyncio.wait([done, waiting], return_when=asyncio.FIRST_COMPLETED)
        if done.done() and done.exception():
            fail(said(done.exception()))

    loop.run_until_complete(main())


def main():
    try:
        if task.get("classname"):
            cls = load(task["classname"])
            is_asyncio = uses_asyncio(cls)
        elif has_twisted():
            from autobahn.twisted.wamp import Session as cls

            is_asyncio = False
        else:
            from autobahn.asyncio.wamp import Session as cls

            is_asyncio = True
    except Exception as error:
        traceback.print_exc()
        what = task.get("classname") or "Autobahn"
        return fail(f"{what} cannot be imported: {said(error)}", lasting=True, stage="import")
    try:
        (run_asyncio if is_asyncio else run_twisted)(cls)
    except Exception as error:
        traceback.print_exc()
        fail(said(error), lasting=not state.has_joined)


threading.Thread(target=wait, daemon=True).start()
main()
sys.stdout.flush()
sys.stderr.flush()
# Threads of the component do not keep the process.
os._exit(1 if state.failure else 0)
