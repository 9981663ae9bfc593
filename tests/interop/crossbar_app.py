"""Uses the program written for Crossbar.io as its users would: calls it, listens to it, stops it."""

import asyncio

from agents import Failed, Refused, Session

DEADLINE_S = 20
APP = "com.example.shopping."


async def run(python, program, url, agent):
    """Runs `program` against `url`. Returns what was wrong, or None."""
    process = await asyncio.create_subprocess_exec(
        python, "-u", program, url, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = []
    try:
        return await asyncio.wait_for(use(process, url, agent, said), DEADLINE_S)
    except (AssertionError, Failed, Refused, KeyError, IndexError) as e:
        return f"{type(e).__name__}: {e}; it said: {' '.join(said)[-1500:]}"
    except asyncio.TimeoutError:
        return f"no end within {DEADLINE_S} s; it said: {' '.join(said)[-1500:]}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def use(process, url, agent, said):
    await wait_for(process, "ready on realm realm1 as anonymous", said)
    user = Session(agent, f"user of {url}", "rs-cbor" if url.startswith("rs") else "ws-cbor", url, "realm1")
    await user.join()
    changes = await user.subscribe(APP + "on_change", f"changes {url}")
    assert (await user.call(APP + "add", ["milk"], {"amount": 2}))["args"] == [1]
    change = await changes.get()
    assert (change["args"], change["kwargs"]) == (["milk"], {"amount": 2}), change
    empty = await user.call(APP + "add", [""])
    assert (empty.get("error"), empty["args"]) == (APP + "error.empty", ["name an item"]), empty
    slowly = await user.call(APP + "add_slowly", [["tea", "rice"]], progress=True)
    assert (slowly["progress"], slowly["args"]) == ([[1], [2]], [2]), slowly
    listed = (await user.call(APP + "list"))["args"][0]
    assert [entry["item"] for entry in listed] == ["milk", "tea", "rice"], listed
    await user.publish("com.example.kitchen.needs", ["salt"], acknowledge=True)
    while (await user.call(APP + "heard"))["args"] != [1]:
        await asyncio.sleep(0.01)
    await user.call(APP + "stop")
    # The specification's answer to GOODBYE; Crossbar.io answers "wamp.close.normal", and Autobahn takes both as a clean end.
    await wait_for(process, ("left: wamp.close.goodbye_and_out", "left: wamp.close.normal"), said)
    status = await process.wait()
    assert status == 0, f"it ended with status {status}"
    await user.leave()


async def wait_for(process, texts, said):
    texts = (texts,) if isinstance(texts, str) else texts
    while not any(text in (said[-1] if said else "") for text in texts):
        line = await process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended before saying {' or '.join(map(repr, texts))}")
        said.append(line.decode(errors="replace"))
