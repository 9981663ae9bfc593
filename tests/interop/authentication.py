"""Every authentication method that a stock client can speak, with the right and with wrong credentials.

The node serves `/auth` with all methods; clients of it are the constants below. A client whose agent lists a method under
`auth` is let in with the right credential, and refused with a wrong one and under an authid that nobody has.
"""

import asyncio

from agents import Failed, Refused, Session

PATH = "auth"
DEADLINE_S = 10
FAILED = "wamp.error.authentication_failed"

KEY = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
PUBLIC_KEY = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d"
OTHER_KEY = "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd"

# Method as the checks call it: authid, right and wrong credential. `wampcra-salted` is `wampcra` of a client with a salt.
CREDENTIALS = {
    "ticket": ("joe", "t1cket", "ticket"),
    "wampcra": ("joe", "secret!!!", "secret"),
    "wampcra-salted": ("jim", "pa55word", "secret!!!"),
    "wampcra-derived": ("jon", "pa55word", "secret!!!"),
    "scram": ("joe", "pencil", "pencils"),
    "cryptosign": ("joe", KEY, OTHER_KEY),
}

# base64 of PBKDF2-HMAC-SHA256 of "pa55word" with "salt123", 100 iterations, 32 octets.
DERIVED = "rLn6xkWUYg9D9LurHtryw3I47FZXyAeObub2IxfCjeA="
SALTED = {"salt": "salt123", "iterations": 100, "keylen": 32}


def auth_section(role):
    """`auth` of the transport."""
    return {
        "ticket": {"type": "static", "principals": {"joe": {"ticket": "t1cket", "role": role}}},
        "wampcra": {
            "type": "static",
            "users": {
                "joe": {"secret": "secret!!!", "role": role},
                "jim": {"secret": "pa55word", "role": role, **SALTED},
                "jon": {"secret": DERIVED, "role": role, **SALTED},
            },
        },
        "scram": {
            "type": "static",
            "principals": {
                "joe": {
                    # Of "pencil", as autobahn.wamp.auth.derive_scram_credential makes it, with fewer passes.
                    "kdf": "argon2id-13",
                    "memory": 512,
                    "iterations": 8,
                    "salt": "30313233343536373839616263646566",
                    "stored-key": "21348bd92ac8082c580aaece3f4903f605cbb09f861ffec6620bbf62c1a5a727",
                    "server-key": "c4d8935aec3fe175e39b9dae6b1fcd63463c4d5c7093ef6833c463661fef9d69",
                    "role": role,
                }
            },
        },
        "cryptosign": {"type": "static", "principals": {"joe": {"authorized_keys": [PUBLIC_KEY], "role": role}}},
    }


class Table:
    """Which method of which client did what it should."""

    def __init__(self):
        self.cells = {}

    def print(self):
        if not self.cells:
            return
        clients = sorted({client for client, _ in self.cells})
        width = max(map(len, clients)) + 2
        print("\nauthentication: client (row) by method (column), checks passed / run")
        print(f"{'':{width}}" + "".join(f"{method:>17}" for method in CREDENTIALS))
        for client in clients:
            cells = (self.cells.get((client, method)) for method in CREDENTIALS)
            print(f"{client:{width}}" + "".join(f"{f'{c[0]}/{c[1]}' if c else '-':>17}" for c in cells))


async def right_credential_joins(session, method, authid):
    await session.join()
    if (session.authid, session.authrole) != (authid, "anonymous"):
        raise AssertionError(f"joined as {session.authid} in role {session.authrole}")
    count = await session.call("wamp.session.count")
    if count.get("error"):
        raise AssertionError(f"cannot call: {count['error']}")
    await session.leave()


async def wrong_credential_is_refused(session, method, authid):
    try:
        await session.join()
    except Refused as e:
        if e.uri != FAILED:
            raise AssertionError(f"refused with {e.uri}, expected {FAILED}") from None
    except Failed as e:
        # Wampy throws its own error and keeps the router's in it.
        if FAILED not in str(e):
            raise
    else:
        raise AssertionError("joined")


async def run(results, router, agents, options):
    """Runs all of it, for each serializer of a client over WebSocket."""
    table = Table()
    for agent in agents:
        for transport in agent.features["transports"]:
            name = f"{agent.name}/{transport}"
            if not transport.startswith("ws") or (options.client and options.client not in name):
                continue
            if "auth" in agent.features.get("without", {}).get(transport, []):
                results.skipped += len(agent.features.get("auth", []))
                continue
            for method in agent.features.get("auth", []):
                await run_method(results, table, router, agent, transport, method, options)
    return table


async def run_method(results, table, router, agent, transport, method, options):
    authid, right, wrong = CREDENTIALS[method]
    cases = [
        (right_credential_joins, authid, right),
        (wrong_credential_is_refused, authid, wrong),
        (wrong_credential_is_refused, "nobody", right),
    ]
    for number, (check, who, credential) in enumerate(cases):
        if options.only and options.only not in check.__name__ and options.only not in method:
            continue
        cell = table.cells.setdefault((f"{agent.name}/{transport}", method), [0, 0])
        cell[1] += 1
        name = f"auth/{agent.name}/{transport}/{method}/{number}"
        session = Session(agent, name, transport, router.ws_at(PATH), options.realm)
        session.auth = {"method": method.split("-")[0], "authid": who, "credential": credential}
        try:
            await asyncio.wait_for(check(session, method, who), DEADLINE_S)
        except (asyncio.TimeoutError, AssertionError, Refused, Failed, KeyError, TypeError) as e:
            results.failed += 1
            results.problem(f"{check.__name__} [{agent.name}/{transport}, {method}]: {type(e).__name__}: {e}")
        else:
            cell[0] += 1
            results.passed += 1
