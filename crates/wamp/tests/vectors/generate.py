"""Writes the vectors of this folder: `pip install msgpack cbor2 py-ubjson bjdata 'numpy<2'`, then `python generate.py`.

The bytes come from json, msgpack, cbor2, py-ubjson and bjdata, so that they are not ours. The shape is that of the WAMP project's vectors.
"""

import base64
import json
import pathlib

import bjdata
import cbor2
import msgpack
import ubjson

HERE = pathlib.Path(__file__).parent

# code: (name, elements before the payload, whether a payload may follow)
MESSAGES = {
    1: ("HELLO", ["realm", "details"], False),
    2: ("WELCOME", ["session_id", "details"], False),
    3: ("ABORT", ["details", "reason"], False),
    4: ("CHALLENGE", ["method", "extra"], False),
    5: ("AUTHENTICATE", ["signature", "extra"], False),
    6: ("GOODBYE", ["details", "reason"], False),
    8: ("ERROR", ["request_type", "request_id", "details", "error"], True),
    16: ("PUBLISH", ["request_id", "options", "topic"], True),
    32: ("SUBSCRIBE", ["request_id", "options", "topic"], False),
    35: ("UNSUBSCRIBED", ["request_id", "details"], False),
    36: ("EVENT", ["subscription", "publication", "details"], True),
    48: ("CALL", ["request_id", "options", "procedure"], True),
    49: ("CANCEL", ["request_id", "options"], False),
    50: ("RESULT", ["request_id", "details"], True),
    64: ("REGISTER", ["request_id", "options", "procedure"], False),
    67: ("UNREGISTERED", ["request_id", "details"], False),
    68: ("INVOCATION", ["request_id", "registration_id", "details"], True),
    69: ("INTERRUPT", ["request_id", "options"], False),
    70: ("YIELD", ["request_id", "options"], True),
}


def to_json(value):
    """Bytes as a string of \\0 and base64."""
    if isinstance(value, bytes):
        return "\0" + base64.b64encode(value).decode()
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def sample(description, message, says=None):
    """`says` replaces attributes where what is read differs from what is written (nulls left out)."""
    name, elements, _ = MESSAGES[message[0]]
    attributes = {"message_type": message[0]}
    attributes |= {key: to_json(value) for key, value in zip(elements, message[1:])}
    payload = message[1 + len(elements):]
    if payload and isinstance(payload[0], bytes):
        attributes["payload"] = payload[0].hex()
    elif payload:
        attributes |= {key: to_json(value) for key, value in zip(["args", "kwargs"], payload)}
    attributes |= says or {}
    as_json = to_json(message)
    texts = dict.fromkeys([
        json.dumps(as_json, separators=(",", ":"), ensure_ascii=False),
        json.dumps(as_json, indent=1),
        json.dumps(as_json, separators=(",", ":")).replace("/", "\\/"),
    ])
    strings = [text.encode() for text in texts]
    return {
        "description": description,
        "serializers": {
            "json": [{"bytes_hex": text.hex()} for text in strings],
            "msgpack": [{"bytes_hex": msgpack.packb(message).hex()}],
            "cbor": [{"bytes_hex": cbor2.dumps(message).hex()}],
            "ubjson": [
                {"bytes_hex": ubjson.dumpb(message).hex(), "note": "UBJSON"},
                {"bytes_hex": bjdata.dumpb(message).hex(), "note": "BJData"},
            ],
        },
        "expected_attributes": attributes,
    }


def valid(description, message):
    return {"description": description, "wmsg": message}


def refused(description, message, word):
    return valid(description, message) | {"expected_error": {"type": "protocol_violation", "contains": word}}


def write(code, samples):
    name = MESSAGES[code][0]
    vector = {
        "description": f"{name}: what the public vectors leave out",
        "wamp_message_type": name,
        "wamp_message_code": code,
        "samples": samples,
    }
    (HERE / f"{name.lower()}.json").write_text(json.dumps(vector, indent=1) + "\n")


BINARY = bytes(range(256))
PPT = {"ppt_scheme": "wamp.eth", "ppt_serializer": "cbor", "ppt_cipher": "xsalsa20poly1305", "ppt_keyid": "0x1234"}
ENC = {"enc_algo": "cryptobox", "enc_serializer": "json", "enc_key": "key-1"}
FORWARD = {"forward_for": [{"session": 1, "authid": "a", "authrole": "b"}, {"session": 2, "authid": "c", "authrole": "d"}]}
ALL = PPT | ENC | FORWARD | {"transaction_hash": "0xab"}

VALUES = [
    [0, 1, 23, 24, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1],
    [-1, -24, -25, -32, -33, -128, -129, -256, -257, -32768, -32769, -(2**31), -(2**31) - 1, -(2**53) - 1, -(2**63)],
    [0.5, -0.5, 1.5e300, 5e-324, 0.1, 1.0, -2.25, 1e100],
    [True, False, None, "", [], {}, [[]], {"": {"": None}}],
    ["\"\\/\b\f\n\r\t\u0001\u001f\u007f", "äöü€𝄞😀", "\u2028\u2029", "x" * 31, "x" * 32, "x" * 255, "x" * 256],
    [b"", b"\0", BINARY, BINARY * 2],
    list(range(15)), list(range(16)), list(range(300)),
    {f"key{n:02}": n for n in range(15)}, {f"key{n:02}": n for n in range(16)}, {f"k\u00e4y{n}\n": [n] for n in range(40)},
]


def payloads(code, head):
    """The payload samples of a message."""
    name = MESSAGES[code][0]
    values = VALUES if code == 16 else [[1, -1, 2**63], 0.5, None, "ä\n", b"\0", {"a": [{}]}]
    return [
        sample(f"{name} with values of every kind", [code, *head, values, {"values": values, "b": BINARY}]),
        sample(f"{name} with empty args and kwargs", [code, *head, [], {"a": 1}]),
        sample(f"{name} with binary args", [code, *head, [BINARY]]),
        valid(f"{name} with null for no arguments", [code, *head, None]),
        valid(f"{name} with null for both", [code, *head, None, None]),
        valid(f"{name} with null args and some kwargs", [code, *head, None, {"a": 1}]),
        valid(f"{name} with args and null kwargs", [code, *head, [1], None]),
        refused(f"{name} with a dict for args", [code, *head, {"a": 1}], "Arguments"),
        refused(f"{name} with a number for args", [code, *head, 7], "Arguments"),
        refused(f"{name} with text for args", [code, *head, "text"], "Arguments"),
        refused(f"{name} with a list for kwargs", [code, *head, [], []], "ArgumentsKw"),
        refused(f"{name} with null args and a list for kwargs", [code, *head, None, []], "ArgumentsKw"),
        refused(f"{name} with one element too many", [code, *head, [], {}, 1], "too many"),
    ]


def passthru(code, before, after, group):
    """Payload passthru in both forms, and every other option that is passed on."""
    name = MESSAGES[code][0]
    return [
        sample(f"{name} with ppt_*", [code, *before, PPT, *after, [BINARY]]),
        sample(f"{name} with enc_*", [code, *before, ENC, *after, BINARY]),
        sample(f"{name} with enc_key in bytes", [code, *before, ENC | {"enc_key": b"\1\2"}, *after, BINARY]),
        sample(f"{name} with a scheme of its own", [code, *before, {"enc_algo": "x_mine", "enc_serializer": "x_s"}, *after, b"x"]),
        refused(f"{name} with ppt_scheme as a number", [code, *before, {"ppt_scheme": 1}, *after], "ppt_scheme"),
        refused(f"{name} with ppt_keyid as a list", [code, *before, {"ppt_keyid": []}, *after], f"{group}.ppt_keyid"),
        refused(f"{name} with enc_key as a number", [code, *before, {"enc_key": 1}, *after], "enc_key"),
        refused(f"{name} with an unknown enc_serializer", [code, *before, {"enc_serializer": "xml"}, *after], "enc_serializer"),
        refused(f"{name}, opaque, with a number", [code, *before, ENC, *after, 7], "Arguments"),
        refused(f"{name}, opaque, with kwargs", [code, *before, ENC, *after, "x", {"a": 1}], "Arguments"),
        refused(f"{name} with text, but an empty scheme", [code, *before, {"ppt_scheme": ""}, *after, "x"], "Arguments"),
        sample(f"{name} with forward_for", [code, *before, FORWARD, *after]),
        refused(f"{name} with forward_for that lacks its session", [code, *before, {"forward_for": [{"authrole": "a"}]}, *after], "forward_for"),
        valid(f"{name} with unknown and null options", [code, *before, {"x": 1, "_mine": {}, "ppt_scheme": None, "forward_for": None}, *after]),
        refused(f"{name} with a list for its {group}", [code, *before, [], *after], group),
        refused(f"{name} with null for its {group}", [code, *before, None, *after], group),
        refused(f"{name} with 65 {group}", [code, *before, {f"key{n}": n for n in range(65)}, *after], group),
        valid(f"{name} with 64 {group}", [code, *before, {f"key{n}": n for n in range(64)}, *after]),
    ]


def ids(code, message, at, word):
    """What is no id in the element `at`."""
    def with_id(value):
        return [*message[:at], value, *message[at + 1:]]

    name = MESSAGES[code][0]
    wrong = [-1, 2**53 + 1, 2**64 - 1, 1.5, "1", None, True, [], {}]
    bad = [refused(f"{name} with {value!r} for its {word}", with_id(value), word) for value in wrong]
    return bad + [valid(f"{name} with {value!r} for its {word}", with_id(value)) for value in [1, 2**53, 7.0]]


def flags(code, before, after, names, kinds=(1, "true", [], {})):
    """Options that are booleans."""
    name = MESSAGES[code][0]
    samples = [sample(f"{name} with {flag}", [code, *before, {flag: True}, *after]) for flag in names]
    samples += [valid(f"{name} with {flag} false", [code, *before, {flag: False}, *after]) for flag in names]
    return samples + [
        refused(f"{name} with {flag} of {kind!r}", [code, *before, {flag: kind}, *after], flag) for flag in names for kind in kinds
    ]


def main():
    topic, procedure, uri = "com.example.töpic", "com.example.proc", "com.example.error"
    long_uri = "com." + "a" * 1000
    write(1, [
        sample("HELLO as a stock client says it", [1, "realm1", {
            "roles": {"caller": {"features": {"call_timeout": True, "x_other": False}}, "subscriber": {"features": {}}},
            "authmethods": ["ticket", "cryptosign"], "authid": "joe", "authextra": {"n": None, "b": BINARY}, "agent": "a/1"}]),
        sample("HELLO without a realm", [1, None, {"roles": {"caller": {}}}]),
        refused("HELLO with a number for its realm", [1, 1, {}], "realm"),
        refused("HELLO without details", [1, "realm1"], "details"),
        refused("HELLO with a list for its details", [1, "realm1", []], "details"),
        refused("HELLO with an element too many", [1, "realm1", {}, []], "too many"),
        refused("HELLO with 65 details", [1, "realm1", {f"key{n}": n for n in range(65)}], "details"),
    ])
    write(2, [
        sample("WELCOME with an identity", [2, 2**53, {"roles": {"broker": {}, "dealer": {"features": {"call_timeout": True}}},
               "realm": "realm1", "authid": "joe", "authrole": "user", "authmethod": "ticket", "authprovider": "static"}]),
        *ids(2, [2, 1, {}], 1, "session"),
    ])
    write(3, [
        sample("ABORT with a message", [3, {"message": "no such realm \"x\"\n"}, "wamp.error.no_such_realm"]),
        refused("ABORT without a reason", [3, {}], "reason"),
        refused("ABORT with a number for its reason", [3, {}, 3], "reason"),
    ])
    write(4, [
        sample("CHALLENGE with extra", [4, "wampcra", {"challenge": "{\"a\":1}", "salt": "s", "keylen": 32, "iterations": 1000}]),
        refused("CHALLENGE without extra", [4, "ticket"], "extra"),
    ])
    write(5, [
        sample("AUTHENTICATE with extra", [5, "sig", {"channel_binding": None, "nonce": "x"}]),
        refused("AUTHENTICATE with a number", [5, 424242, {}], "AUTHENTICATE.signature must be text"),
    ])
    write(6, [
        sample("GOODBYE with a message", [6, {"message": "bye"}, "wamp.close.normal"]),
        refused("GOODBYE without anything", [6], "details"),
    ])
    kinds = {16: "PUBLISH", 32: "SUBSCRIBE", 34: "UNSUBSCRIBE", 48: "CALL", 64: "REGISTER", 66: "UNREGISTER", 68: "INVOCATION"}
    write(8, [
        *[sample(f"ERROR for {name}", [8, kind, 1, {}, uri, ["why"], {"n": 1}]) for kind, name in kinds.items()],
        *[refused(f"ERROR for type {kind}", [8, kind, 1, {}, uri], f"type {kind}") for kind in [0, 1, 2, 8, 36, 50, 70, 337, 999]],
        *ids(8, [8, 48, 1, {}, uri], 2, "request"),
        *payloads(8, [48, 1, {}, uri]),
        *passthru(8, [48, 1], [uri], "Details"),
        refused("ERROR without its URI", [8, 48, 1, {}], "error"),
    ])
    receivers = {"exclude": [1, 2**53], "exclude_authid": ["a", "ä"], "exclude_authrole": [], "eligible": [], "eligible_authid": ["b"],
                 "eligible_authrole": ["c"]}
    everything = {"acknowledge": True, "exclude_me": False, "disclose_me": True, "retain": True} | receivers | ALL
    write(16, [
        sample("PUBLISH with every option", [16, 1, everything, topic, [1]]),
        sample("PUBLISH with a long topic", [16, 1, {}, long_uri, [1]]),
        *flags(16, [1], [topic], ["acknowledge", "disclose_me", "retain"]),
        *[refused(f"PUBLISH with {key} of {bad!r}", [16, 1, {key: bad}, topic], key)
          for key in receivers for bad in [1, "a", {}, [None], [[]], [1.5], [True]]],
        refused("PUBLISH with too many eligible sessions", [16, 1, {"eligible": list(range(4097))}, topic], "eligible"),
        valid("PUBLISH with 4096 eligible sessions", [16, 1, {"eligible": list(range(4096))}, topic]),
        *ids(16, [16, 1, {}, topic], 1, "request"),
        *payloads(16, [1, {}, topic]),
        *passthru(16, [1], [topic], "Options"),
        refused("PUBLISH without a topic", [16, 1, {}], "topic"),
        refused("PUBLISH with a number for its topic", [16, 1, {}, 7], "topic"),
        refused("PUBLISH without options", [16, 1], "Options"),
    ])
    write(32, [
        sample("SUBSCRIBE by prefix", [32, 1, {"match": "prefix"}, "com."]),
        sample("SUBSCRIBE by wildcard, retained", [32, 1, {"match": "wildcard", "get_retained": True} | FORWARD, "com..x"]),
        valid("SUBSCRIBE with null for match", [32, 1, {"match": None}, "com.x"]),
        refused("SUBSCRIBE with an unknown match", [32, 1, {"match": "prefx"}, "com.x"], "prefx"),
        refused("SUBSCRIBE with a payload", [32, 1, {}, "com.x", []], "too many"),
    ])
    for code, name in [(35, "subscription"), (67, "registration")]:
        write(code, [
            sample("revoked by the router", [code, 0, {name: 4711, "reason": "wamp.error.revoked"}]),
            sample("revoked without a reason", [code, 0, {name: 4711}]),
            valid("answered", [code, 7]),
            refused("with an element too many", [code, 7, {}, 1], "too many"),
            refused("with text for its id", [code, 0, {name: "x"}], name),
        ])
    details = {"publisher": 1, "publisher_authid": "joe", "publisher_authrole": "user", "topic": topic, "trustlevel": 0,
               "retained": True, "x_acknowledged_delivery": True}
    write(36, [
        sample("EVENT with every detail", [36, 1, 2**53, details | ALL, [1], {"a": 1}]),
        refused("EVENT with a negative trustlevel", [36, 1, 2, {"trustlevel": -1}], "trustlevel"),
        *ids(36, [36, 1, 2, {}], 1, "subscription"), *ids(36, [36, 1, 2, {}], 2, "publication"),
        *payloads(36, [1, 2, {}]),
        *passthru(36, [1, 2], [], "Details"),
    ])
    write(48, [
        sample("CALL with every option", [48, 1, {"timeout": 2**53, "receive_progress": True, "progress": True, "disclose_me": True} | ALL,
               procedure, [1]]),
        *flags(48, [1], [procedure], ["receive_progress", "progress", "disclose_me"]),
        *[refused(f"CALL with a timeout of {bad!r}", [48, 1, {"timeout": bad}, procedure], "timeout")
          for bad in [-1, 1.5, "1", True, 2**64 - 1, []]],
        *ids(48, [48, 1, {}, procedure], 1, "request"),
        *payloads(48, [1, {}, procedure]),
        *passthru(48, [1], [procedure], "Options"),
    ])
    write(49, [
        *[sample(f"CANCEL, {mode}", [49, 1, {"mode": mode}]) for mode in ["skip", "kill", "killnowait"]],
        sample("CANCEL on the way", [49, 1, FORWARD]),
        refused("CANCEL with an unknown mode", [49, 1, {"mode": "abort"}], "mode"),
        refused("CANCEL with an element too many", [49, 1, {}, []], "too many"),
    ])
    write(50, [
        sample("RESULT, progressive", [50, 1, {"progress": True} | PPT | FORWARD, [BINARY]]),
        *flags(50, [1], [], ["progress"]),
        *ids(50, [50, 1, {}], 1, "request"), *payloads(50, [1, {}]), *passthru(50, [1], [], "Details"),
    ])
    write(64, [
        *[sample(f"REGISTER, {invoke}", [64, 1, {"invoke": invoke}, procedure]) for invoke in ["first", "last", "roundrobin", "random"]],
        sample("REGISTER with every option", [64, 1, {"match": "wildcard", "invoke": "random", "concurrency": 4,
               "force_reregister": True, "disclose_caller": True} | FORWARD, "com..x"]),
        valid("REGISTER, single and exact", [64, 1, {"match": "exact", "invoke": "single"}, procedure]),
        *flags(64, [1], [procedure], ["force_reregister", "disclose_caller"]),
        refused("REGISTER with an unknown invoke", [64, 1, {"invoke": "all"}, procedure], "invoke"),
        refused("REGISTER with an unknown match", [64, 1, {"match": 1}, procedure], "match"),
        refused("REGISTER with a concurrency of text", [64, 1, {"concurrency": "4"}, procedure], "concurrency"),
    ])
    write(68, [
        sample("INVOCATION with every detail", [68, 1, 2, {"caller": 3, "caller_authid": "joe", "caller_authrole": "user",
               "procedure": procedure, "timeout": 1, "receive_progress": True, "progress": True, "trustlevel": 9} | ALL, [1]]),
        *[refused(f"INVOCATION with a {key} of {bad!r}", [68, 1, 2, {key: bad}], key)
          for key in ["caller", "caller_authid", "caller_authrole", "procedure", "trustlevel"] for bad in [True, [], 1.5]],
        *ids(68, [68, 1, 2, {}], 1, "request"), *ids(68, [68, 1, 2, {}], 2, "registration"),
        *payloads(68, [1, 2, {}]), *passthru(68, [1, 2], [], "Details"),
    ])
    write(69, [
        *[sample(f"INTERRUPT, {mode}", [69, 1, {"mode": mode, "reason": "wamp.error.canceled"}]) for mode in ["kill", "killnowait"]],
        refused("INTERRUPT with a number for its reason", [69, 1, {"reason": 1}], "reason"),
    ])
    write(70, [
        sample("YIELD, progressive", [70, 1, {"progress": True} | PPT | FORWARD, [BINARY]]),
        *flags(70, [1], [], ["progress"]),
        *ids(70, [70, 1, {}], 1, "request"), *payloads(70, [1, {}]), *passthru(70, [1], [], "Options"),
    ])


main()
