// The driver's side of an agent: one JSON command per line on stdin, answers and events on stdout (see ../README.md).
"use strict";

const readline = require("node:readline");

function say(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

// A client's value to the driver's JSON. Binary becomes {"$bin": base64}; in WAMP's JSON it travels as "\0" + base64.
function pack(value, serializer) {
  if (value instanceof Uint8Array) return { $bin: Buffer.from(value).toString("base64") };
  if (typeof value === "string" && serializer === "json" && value.startsWith("\0")) return { $bin: value.slice(1) };
  // node-cbor decodes integers beyond 2^53 - 1 to BigInt.
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map((v) => pack(v, serializer));
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v, serializer)]));
  }
  return value;
}

// The reverse of `pack`.
function unpack(value, serializer) {
  if (Array.isArray(value)) return value.map((v) => unpack(v, serializer));
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value);
    if (keys.length === 1 && keys[0] === "$bin") {
      return serializer === "json" ? "\0" + value.$bin : Buffer.from(value.$bin, "base64");
    }
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v, serializer)]));
  }
  return value;
}

// Thrown by an operation that the router answered with an ERROR.
class Refused extends Error {
  constructor(uri, text) {
    super(`${uri}: ${text}`);
    this.uri = uri;
  }
}

// A client that fails in the background must not end the process: the check that waits for it will say so.
process.on("uncaughtException", (e) => console.error("in the background:", e));
process.on("unhandledRejection", (e) => console.error("in the background:", e));

// Serves commands with `operations` until stdin closes.
function serve(features, operations) {
  say({ ready: features });
  const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
  lines.on("line", async (line) => {
    const c = JSON.parse(line);
    try {
      say({ id: c.id, ok: (await operations[c.op](c)) || {} });
    } catch (e) {
      if (e instanceof Refused) say({ id: c.id, refused: e.uri, text: e.message });
      else say({ id: c.id, failed: e && e.stack ? e.stack : String(e && e.error ? e.error : JSON.stringify(e)) });
    }
  });
  lines.on("close", () => process.exit(0));
}

module.exports = { say, pack, unpack, Refused, serve };
