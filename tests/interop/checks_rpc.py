"""What callees and callers must be able to do with each other."""

import asyncio

from agents import Refused
from checks import REVOKED_FOR, RPC, Skip, below, check, expect, passthru_options, short, told_of


@check(RPC, b=["errors"])
async def error_carries_uri_args_and_kwargs(callee, caller, uri):
    await callee.register(uri, "fail")
    result = await caller.call(uri, ["why", 7], {"hint": "ask later"})
    expect("error", result.get("error"), "com.example.error.refused")
    expect("args", result["args"], ["why", 7])
    expect("kwargs", result["kwargs"], {"hint": "ask later"})


@check(RPC, b=["errors"])
async def call_without_callee_is_refused(callee, caller, uri):
    result = await caller.call(uri)
    expect("error", result.get("error"), "wamp.error.no_such_procedure")


@check(RPC, a=["unregister"], b=["errors"])
async def unregistered_procedure_is_gone(callee, caller, uri):
    await callee.register(uri, "echo")
    await callee.unregister(uri)
    result = await caller.call(uri)
    expect("error", result.get("error"), "wamp.error.no_such_procedure")


@check(RPC, a=["errors"], b=["errors"])
async def second_registration_is_refused(callee, caller, uri):
    await callee.register(uri, "echo")
    try:
        await caller.register(uri, "echo", reg=uri + ".again")
    except Refused as e:
        expect("error", e.uri, "wamp.error.procedure_already_exists")
    else:
        raise AssertionError("the second registration was accepted")


@check(RPC, a=["progress", "ordered"], b=["progress"])
async def progressive_results_come_in_order(callee, caller, uri):
    await callee.register(uri, "count")
    result = await caller.call(uri, [5], progress=True)
    expect("error", result.get("error"), None)
    expect("progress", result["progress"], [[i] for i in range(5)])
    expect("result", result["args"], [5])


@check(RPC, b=["call_timeout", "errors"])
async def call_times_out_in_milliseconds(callee, caller, uri):
    await callee.register(uri, "hang")
    loop = asyncio.get_running_loop()
    start = loop.time()
    result = await caller.call(uri, timeout_ms=150)
    expect("error", result.get("error"), "wamp.error.timeout")
    waited = loop.time() - start
    if not 0.14 <= waited <= 1.5:
        raise AssertionError(f"a timeout of 150 ms took {waited:.3f} s")


async def cancel_hanging_call(callee, caller, uri, mode):
    """Cancels a call once its callee works on it; both sessions must survive."""
    await callee.register(uri, "hang")
    call = asyncio.ensure_future(caller.call(uri))
    while uri not in callee.agent.invoked:
        await asyncio.sleep(0.002)
    await caller.cancel(uri, mode)
    result = await call
    if result.get("error") not in ("wamp.error.canceled", "cancelled locally"):
        raise AssertionError(f"the cancelled call ended in {short(result)}")
    await callee.register(uri + ".after", "echo")
    expect("next call", (await caller.call(uri + ".after", [1])).get("args"), [1])


@check(RPC, a=["interruptible"], b=["cancel", "errors"])
async def cancel_interrupts_the_callee(callee, caller, uri):
    await cancel_hanging_call(callee, caller, uri, "kill")
    while uri not in callee.agent.interrupted:
        await asyncio.sleep(0.002)


@check(RPC, b=["cancel", "errors"])
async def cancel_ends_a_call_whose_callee_cannot_be_interrupted(callee, caller, uri):
    if callee.can("interruptible"):
        raise Skip(f"{callee} can be interrupted", callee, "it can be interrupted")
    await cancel_hanging_call(callee, caller, uri, "kill")


@check(RPC, b=["cancel_skip", "errors"])
async def cancel_in_skip_mode_ends_the_call_at_once(callee, caller, uri):
    await cancel_hanging_call(callee, caller, uri, "skip")


@check(RPC)
async def prefix_registration_names_the_procedure(callee, caller, uri):
    await callee.register(uri, "details", match="prefix")
    result = await caller.call(uri + ".some.where")
    expect("procedure", result.get("kwargs", {}).get("procedure"), uri + ".some.where")


@check(RPC)
async def wildcard_registration_names_the_procedure(callee, caller, uri):
    await callee.register(uri + "..get", "details", match="wildcard")
    result = await caller.call(uri + ".lamp.get")
    expect("procedure", result.get("kwargs", {}).get("procedure"), uri + ".lamp.get")
    other = await caller.call(uri + ".lamp.set")
    expect("error", other.get("error"), "wamp.error.no_such_procedure")


@check(RPC)
async def exact_registration_wins_over_patterns(callee, caller, uri):
    await callee.register(uri, "name", reg=uri + "#prefix", match="prefix")
    await callee.register(uri + "..b", "name", reg=uri + "#wildcard", match="wildcard")
    await callee.register(uri + ".a.b", "name", reg=uri + "#exact")
    expect("exact", (await caller.call(uri + ".a.b"))["args"], [uri + "#exact"])
    expect("prefix", (await caller.call(uri + ".a.c"))["args"], [uri + "#prefix"])


@check(RPC)
async def shared_registration_takes_turns(callee, caller, uri):
    if callee.name == caller.name:
        raise Skip("needs two sessions")
    await callee.register(uri, "name", reg=uri + "#1", invoke="roundrobin")
    await caller.register(uri, "name", reg=uri + "#2", invoke="roundrobin")
    names = [(await caller.call(uri))["args"][0] for _ in range(4)]
    expect("calls per callee", sorted(names), [uri + "#1"] * 2 + [uri + "#2"] * 2)
    expect("turns", names[:2], names[2:])


async def calls_of_two_callees(callee, caller, uri, invoke):
    """Whom four calls reach."""
    if callee.name == caller.name:
        raise Skip("needs two sessions")
    await callee.register(uri, "name", reg=uri + "#1", invoke=invoke)
    await caller.register(uri, "name", reg=uri + "#2", invoke=invoke)
    return [(await caller.call(uri))["args"][0] for _ in range(4)]


@check(RPC)
async def shared_registration_prefers_the_first(callee, caller, uri):
    expect("callees", await calls_of_two_callees(callee, caller, uri, "first"), [uri + "#1"] * 4)


@check(RPC)
async def shared_registration_prefers_the_last(callee, caller, uri):
    expect("callees", await calls_of_two_callees(callee, caller, uri, "last"), [uri + "#2"] * 4)


@check(RPC)
async def shared_registration_picks_at_random(callee, caller, uri):
    names = await calls_of_two_callees(callee, caller, uri, "random")
    if not set(names) <= {uri + "#1", uri + "#2"}:
        raise AssertionError(f"neither callee has answered: {names}")


@check(RPC, b=["force_reregister"])
async def registering_by_force_takes_the_procedure(callee, caller, uri):
    if callee.name == caller.name:
        raise Skip("needs two sessions")
    await callee.register(uri, "name", reg=uri + "#1")
    await caller.register(uri, "name", reg=uri + "#2", force_reregister=True)
    expect("callee", (await caller.call(uri))["args"], [uri + "#2"])


@check(RPC, b=["disclose_me"])
async def caller_is_disclosed_when_it_asks(callee, caller, uri):
    await callee.register(uri, "details")
    told = await caller.call(uri, disclose_me=True)
    told = told.get("kwargs", {})
    expect("caller", told.get("caller"), caller.id)
    expect("authid and role", [told["caller_authid"], told["caller_authrole"]], [caller.authid, caller.authrole])


@check(RPC, a=["disclose_caller"])
async def caller_is_disclosed_when_its_callee_asks(callee, caller, uri):
    await callee.register(uri, "details", disclose_caller=True)
    expect("caller", (await caller.call(uri))["kwargs"].get("caller"), caller.id)


@check(RPC)
async def caller_stays_unknown_by_default(callee, caller, uri):
    await callee.register(uri, "details")
    expect("caller", (await caller.call(uri))["kwargs"].get("caller"), None)


@check(RPC, b=["cancel_killnowait", "cancel", "errors"])
async def cancel_in_killnowait_mode_ends_the_call_and_interrupts(callee, caller, uri):
    await cancel_hanging_call(callee, caller, uri, "killnowait")
    while callee.can("interruptible") and uri not in callee.agent.interrupted:
        await asyncio.sleep(0.002)


@check(RPC, a=["concurrency"], b=["cancel", "errors"])
async def call_beyond_the_concurrency_of_its_callee_is_refused(callee, caller, uri):
    await callee.register(uri, "hang", concurrency=1)
    call = asyncio.ensure_future(caller.call(uri))
    while uri not in callee.agent.invoked:
        await asyncio.sleep(0.002)
    # By a session of its own: a client may know its calls by their procedure.
    expect("second call", (await callee.call(uri)).get("error"), "crossbar.error.max_concurrency_reached")
    await caller.cancel(uri, "kill")
    await call


@check(RPC, a=["sharding"], b=["sharding"])
async def calls_of_one_resource_reach_one_node(callee, caller, uri):
    if callee.name == caller.name:
        raise Skip("needs two sessions")
    await callee.register(uri, "name", reg=uri + "#1", invoke="roundrobin", nkey="node1")
    await caller.register(uri, "name", reg=uri + "#2", invoke="roundrobin", nkey="node2")
    nodes = set()
    for resource in range(8):
        calls = [await caller.call(uri, runmode="partition", rkey=f"sn{resource}") for _ in range(2)]
        expect("node of the second call", calls[1]["args"], calls[0]["args"])
        nodes.add(calls[0]["args"][0])
    expect("nodes", sorted(nodes), [uri + "#1", uri + "#2"])


@check(RPC, a=["trustlevel"])
async def call_has_the_trust_level_of_its_caller(callee, caller, uri):
    uri = below("trusted", uri)
    await callee.register(uri, "details")
    expect("trustlevel", (await caller.call(uri))["kwargs"].get("trustlevel"), 7)


@check(RPC, a=["transaction_hash_shown"], b=["transaction_hash"])
async def transaction_hash_goes_with_a_call(callee, caller, uri):
    await callee.register(uri, "details")
    told = await caller.call(uri, transaction_hash="0x5f")
    expect("transaction hash", told.get("kwargs", {}).get("transaction_hash"), "0x5f")


@check(RPC, a=["passthru"], b=["passthru"])
async def passthru_payload_goes_through_a_call_and_back(callee, caller, uri):
    await callee.register(uri, "passthru")
    options = passthru_options(callee, caller)
    result = await caller.call(uri, ["sealed", 7], {"key": [None]}, passthru=options)
    expect("error", result.get("error"), None)
    expect("args, and what the callee was told", result["args"], ["sealed", 7, options])
    expect("kwargs", result["kwargs"], {"key": [None]})
    expect("what the caller was told", result["passthru"], options)


@check(RPC, b=["passthru"])
async def passthru_call_is_refused_where_its_callee_takes_none(callee, caller, uri):
    if callee.can("passthru"):
        raise Skip(f"{callee} takes it", callee, "it takes them")
    await callee.register(uri, "echo")
    result = await caller.call(uri, ["sealed"], passthru=passthru_options(callee, caller))
    expect("error", result.get("error"), "wamp.error.feature_not_supported")
    expect("next call", (await caller.call(uri, [1])).get("args"), [1])


@check(RPC, a=["sealed"], b=["sealed"])
async def encrypted_payload_goes_through_a_call_and_back(callee, caller, uri):
    uri = below("sealed", uri)
    await callee.register(uri, "echo")
    result = await caller.call(uri, ["secret", 7], {"key": [None]})
    expect("payload", [result.get("error"), result["args"], result["kwargs"]], [None, ["secret", 7], {"key": [None]}])
    await callee.register(uri + ".details", "details")
    expect("algorithm", (await caller.call(uri + ".details"))["kwargs"].get("sealed"), "cryptobox")


@check(RPC, b=["parts"])
async def call_in_parts_is_refused_where_its_callee_takes_none(callee, caller, uri):
    # No client here takes them.
    await callee.register(uri, "echo")
    result = await caller.call(uri, ["first part"], parts=True)
    expect("error", result.get("error"), "wamp.error.feature_not_supported")
    expect("next call", (await caller.call(uri, [1])).get("args"), [1])


@check(RPC, b=["errors"])
async def revoked_registration_is_gone_and_its_callee_goes_on(callee, caller, uri):
    await callee.register(uri, "echo")
    await revoke_registration(callee, caller, uri)
    expect("error", (await caller.call(uri)).get("error"), "wamp.error.no_such_procedure")
    await callee.register(uri + ".after", "echo")
    expect("next call", (await caller.call(uri + ".after", [1])).get("args"), [1])


@check(RPC, a=["revocation_told"])
async def callee_is_told_that_its_registration_is_revoked(callee, caller, uri):
    await callee.register(uri, "echo")
    await revoke_registration(callee, caller, uri)
    expect("reason", await told_of(callee, uri), REVOKED_FOR)


async def revoke_registration(callee, caller, uri):
    found = (await caller.call("wamp.registration.lookup", [uri]))["args"][0]
    answer = await caller.call("wamp.registration.remove_callee", [found, callee.id, REVOKED_FOR])
    expect("error", answer.get("error"), None)


@check(RPC, a=["revocation_told"], b=["force_reregister"])
async def callee_is_told_who_has_taken_its_procedure_by_force(callee, caller, uri):
    if callee.name == caller.name:
        raise Skip("needs two sessions")
    await callee.register(uri, "name", reg=uri + "#1")
    await caller.register(uri, "name", reg=uri + "#2", force_reregister=True)
    expect("reason", await told_of(callee, uri + "#1"), "wamp.registration.taken_by_force")


@check(RPC)
async def many_calls_at_once_keep_their_answers(callee, caller, uri):
    await callee.register(uri, "echo")
    results = await asyncio.gather(*(caller.call(uri, [i]) for i in range(50)))
    expect("answers", [r.get("args") for r in results], [[i] for i in range(50)])
