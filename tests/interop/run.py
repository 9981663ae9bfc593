#!/usr/bin/env python3
"""Runs stock WAMP clients against a router, every client and serializer with every other, and prints the matrix.

    run.py --router PATH            boot this crossweave binary for the run
    run.py --ws URL --rs URL        use a router that runs already
    run.py --crossbar PATH          boot Crossbar.io instead, to check the suite itself
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import authentication
# Imported for the checks that they file.
import checks_meta  # noqa: F401
import checks_pubsub  # noqa: F401
import checks_rpc  # noqa: F401
import conformance
import routers
from agents import Agent, Failed, Refused, Session
from checks import CHECKS, META, PUBSUB, RPC, Skip
from crossbar_app import run as run_crossbar_app
from crossbar_deviations import KNOWN

HERE = os.path.dirname(os.path.abspath(__file__))
CHECK_DEADLINE_S = 10
PAIRS_AT_ONCE = 4
PROBLEMS_SHOWN = 100
# So many checks in a row without an end, and the two sessions are taken for dead.
LATE_MAX = 2
# From this release on Node.js has its WebSocket without a flag.
NODE_WITH_WEBSOCKET = 22
SIDES = {RPC: ("callee", "caller"), PUBSUB: ("subscriber", "publisher"), META: ("observer", "caller")}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--router", metavar="PATH", help="crossweave binary to boot")
    p.add_argument("--crossbar", metavar="PATH", help="crossbar binary to boot instead")
    p.add_argument("--port", type=int, default=0, help="port to boot on (default: a free one)")
    p.add_argument("--ws", help="WebSocket URL of a running router")
    p.add_argument("--rs", help="RawSocket URL (rs://host:port) of a running router")
    p.add_argument("--realm", default="realm1")
    p.add_argument("--python", default=sys.executable, help="python that has Autobahn (default: this one)")
    p.add_argument("--node", default="node", help="node executable")
    p.add_argument("--js-modules", metavar="DIR", help="node_modules with autobahn and wampy; without it no JS client runs")
    p.add_argument("--no-python-client", action="store_true", help="leave Autobahn|Python out")
    p.add_argument("--only", metavar="TEXT", help="run the checks whose name contains TEXT")
    p.add_argument("--table", metavar="FILE", help="compare the table in this document with what a whole run shows")
    p.add_argument("--write-table", action="store_true", help="put it there instead")
    p.add_argument("--client", metavar="TEXT", help="run the pairs in which both clients contain TEXT, e.g. ws-json")
    return p.parse_args()


class Results:
    """Counts per pair, and what went wrong."""

    def __init__(self, deviations):
        self.cells = {}
        self.problems = []
        self.excused = {}
        self.passed = self.failed = self.skipped = 0
        self.deviations = deviations
        self.outcomes = conformance.Outcomes()

    def note(self, kind, name, a, b, outcome):
        if outcome is not Skip:
            self.outcomes.note(kind, name, a, b, outcome is None)
        cell = self.cells.setdefault((kind, a, b), [0, 0])
        cell[1] += outcome is not Skip
        cell[0] += outcome is None
        self.passed += outcome is None
        self.skipped += outcome is Skip

    def fail(self, kind, name, a, b, text):
        known = next((key for key in (name, f"{name} of {a}") if key in self.deviations), None)
        if known:
            self.excused[known] = self.excused.get(known, 0) + 1
            self.skipped += 1
            return
        self.note(kind, name, a, b, AssertionError)
        self.failed += 1
        self.problem(f"{kind} {name} [{SIDES[kind][0]} {a}, {SIDES[kind][1]} {b}]: {text}")

    def problem(self, text):
        """Says at once what went wrong, and keeps it for the end."""
        self.problems.append(text)
        if len(self.problems) <= PROBLEMS_SHOWN:
            print(f"FAILED {text}", flush=True)

    def print_problems(self):
        for problem in self.problems[:PROBLEMS_SHOWN]:
            print(f"FAILED {problem}")
        if len(self.problems) > PROBLEMS_SHOWN:
            print(f"FAILED … and {len(self.problems) - PROBLEMS_SHOWN} more")

    def table(self, kind):
        rows = sorted({a for k, a, _ in self.cells if k == kind})
        columns = sorted({b for k, _, b in self.cells if k == kind})
        if not rows:
            return
        width = max(map(len, rows)) + 2
        print(f"\n{kind}: {SIDES[kind][0]} (row) with {SIDES[kind][1]} (column), checks passed / run")
        for i, column in enumerate(columns):
            print(f"{'':{width}}{chr(65 + i)} = {column}")
        print(f"{'':{width}}" + "".join(f"{chr(65 + i):>8}" for i in range(len(columns))))
        for row in rows:
            cells = (self.cells.get((kind, row, column)) for column in columns)
            print(f"{row:{width}}" + "".join(f"{f'{c[0]}/{c[1]}' if c else '-':>8}" for c in cells))


async def run_check(results, kind, check, a, b, uri):
    """Runs one check. Returns whether it came to an end in time."""
    name = check.__name__
    deadline = 1 if name in results.deviations else CHECK_DEADLINE_S
    try:
        await asyncio.wait_for(check(a, b, uri), deadline)
    except Skip as e:
        results.note(kind, name, str(a), str(b), Skip)
        results.outcomes.skip(kind, name, e.client, e.why)
    except asyncio.TimeoutError:
        results.fail(kind, name, str(a), str(b), f"no end within {deadline} s")
        return name in results.deviations
    except (AssertionError, Refused, Failed, KeyError, IndexError, TypeError) as e:
        results.fail(kind, name, str(a), str(b), f"{type(e).__name__}: {e}")
    else:
        results.note(kind, name, str(a), str(b), None)
    return True


async def run_pair(results, options, left, right, serial):
    late = 0
    for kind, checks in CHECKS.items():
        for n, check in enumerate(checks):
            if options.only and options.only not in check.__name__:
                continue
            uri = f"com.example.interop.{kind}.p{serial:04d}c{n:03d}"
            in_time = await run_check(results, kind, check, left, right, uri)
            late = 0 if in_time else late + 1
            if late == LATE_MAX:
                results.fail(kind, "pair given up", str(left), str(right), f"{late} checks in a row did not end")
                return


def node_release(node):
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.lstrip("v").split(".")[0])


def clients(options):
    """The agents of every client that is installed."""
    if not options.no_python_client:
        yield Agent("autobahn-py", [options.python, "-u", os.path.join(HERE, "python", "agent.py")])
    if options.js_modules:
        env = {"NODE_PATH": os.path.abspath(options.js_modules)}
        flags = [] if node_release(options.node) >= NODE_WITH_WEBSOCKET else ["--experimental-websocket"]
        yield Agent("autobahn-js", [options.node, "--no-warnings", *flags, os.path.join(HERE, "js", "autobahn.js")], env)
        yield Agent("wampy", [options.node, "--no-warnings", os.path.join(HERE, "js", "wampy.js")], env)


async def join_all(agents, router, options, side, results):
    """One session per client, transport and serializer."""
    sessions = []
    for agent in agents:
        for transport in agent.features["transports"]:
            if options.client and options.client not in f"{agent.name}/{transport}":
                continue
            session = Session(agent, f"{side}/{agent.name}/{transport}", transport, router.url(transport), options.realm)
            try:
                sessions.append(await asyncio.wait_for(session.join(), CHECK_DEADLINE_S))
            except (asyncio.TimeoutError, Refused, Failed) as e:
                results.failed += 1
                results.problem(f"join [{session}]: {type(e).__name__}: {e}")
    return sessions


async def leave_all(sessions, results):
    for session in sessions:
        try:
            await asyncio.wait_for(session.leave(), CHECK_DEADLINE_S)
            results.passed += 1
        except (asyncio.TimeoutError, Refused, Failed) as e:
            results.failed += 1
            results.problem(f"leave [{session}]: {type(e).__name__}: {e}")


async def run_matrix(results, options, router, agents):
    left = await join_all(agents, router, options, "left", results)
    right = await join_all(agents, router, options, "right", results)
    turn = asyncio.Semaphore(PAIRS_AT_ONCE)

    async def pair(a, b, serial):
        async with turn:
            await run_pair(results, options, a, b, serial)

    pairs = [(a, b) for a in left for b in right]
    await asyncio.gather(*(pair(a, b, n) for n, (a, b) in enumerate(pairs)))
    await leave_all(left + right, results)


async def run_app(results, options, router, agents):
    """The program written for Crossbar.io, once per transport it may be told to use."""
    if options.no_python_client or options.client or (options.only and options.only not in "crossbar_app"):
        return
    for url in (router.ws, router.rs):
        problem = await run_crossbar_app(options.python, os.path.join(HERE, "python", "crossbar_app.py"), url, agents[0])
        if problem is None:
            results.passed += 1
        else:
            results.failed += 1
            results.problem(f"crossbar_app over {url}: {problem}")


def place_table(results, options, agents, table):
    """Compares the document's table with this run, which must be whole; a run that failed is not kept."""
    if results.failed or options.only or options.client or [agent.name for agent in agents] != list(conformance.CLIENTS):
        return "a table needs a whole run, with all clients and without a failure"
    names = {kind: list(dict.fromkeys(check.__name__ for check in checks)) for kind, checks in CHECKS.items()}
    reasons = {agent.name: agent.features["why"] for agent in agents}
    made, unexplained = conformance.render(names, SIDES, results.outcomes, authentication.CREDENTIALS, table.cells, reasons)
    if unexplained:
        return f"nobody says why not: {', '.join(unexplained)}"
    return conformance.place(options.table, made, options.write_table)


async def main():
    options = arguments()
    if options.router or options.crossbar:
        router = await routers.start(options.router or options.crossbar, bool(options.crossbar), options.port)
    elif options.ws and options.rs:
        router = routers.Router(options.ws, options.rs)
    else:
        sys.exit("give --router PATH, --crossbar PATH, or both --ws and --rs")
    results = Results(KNOWN if options.crossbar else {})
    agents = list(clients(options))
    start = time.monotonic()
    try:
        for agent in agents:
            await agent.start()
        await run_matrix(results, options, router, agents)
        await run_app(results, options, router, agents)
        # Crossbar.io ends a HELLO at the first method it does not know, and takes no derived secret.
        boots = bool(options.router)
        table = await authentication.run(results, router, agents if boots else [], options)
        for agent in agents:
            await agent.stop()
    finally:
        complaint = await router.stop()
    if complaint:
        results.failed += 1
        results.problem(complaint)
    if options.table and (problem := place_table(results, options, agents, table)):
        results.failed += 1
        results.problem(problem)
    for kind in CHECKS:
        results.table(kind)
    table.print()
    for name, times in sorted(results.excused.items()):
        print(f"known deviation, {times} times: {name}: {KNOWN[name]}")
    results.print_problems()
    print(f"\n{len(agents)} clients, {time.monotonic() - start:.1f} s")
    print(f"{results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    return 1 if results.failed or not results.passed else 0


def until_terminated():
    """Runs `main` so that SIGTERM, too, stops the router and the clients."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(main())
    for terminating in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(terminating, task.cancel)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        return 1


if __name__ == "__main__":
    sys.exit(until_terminated())
