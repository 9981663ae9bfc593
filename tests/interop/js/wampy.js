// Wampy as a peer that does what the interop driver tells it. WebSocket only.
"use strict";

const { Wampy } = require("wampy");
const { JsonSerializer } = require("wampy/JsonSerializer.js");
const { CborSerializer } = require("wampy/CborSerializer.js");
const { MsgpackSerializer } = require("wampy/MsgpackSerializer.js");
const nacl = require("tweetnacl");
const WebSocket = require("ws");
const { say, pack, unpack, Refused, serve } = require("./protocol.js");

for (const level of ["log", "info", "debug"]) console[level] = console.error;

// What it encodes payloads of passthru with.
const payloadSerializers = { json: new JsonSerializer(), msgpack: new MsgpackSerializer() };

const SERIALIZERS = { json: JsonSerializer, msgpack: MsgpackSerializer, cbor: CborSerializer };

const FEATURES = {
  transports: ["ws-json", "ws-msgpack", "ws-cbor"],
  binary: true,
  progress: true,
  call_timeout: true,
  cancel: true,
  interruptible: false,
  disclose_me: true,
  complex_result: true,
  // It always acknowledges, cannot say exclude_me = false, retains nothing, and registers nothing by force.
  publish_lists: true,
  exclude_me_false: false,
  force_reregister: false,
  retain: false,
  topic_of_event: true,
  auth: ["ticket", "wampcra", "wampcra-salted", "wampcra-derived", "cryptosign"],
  unsubscribe: true,
  unregister: true,
  integers_53_bit: true,
  sealed: false,
  sharding: false,
  transaction_hash: false,
  concurrency: false,
  disclose_caller: false,
  revocation_told: false,
  told_why_it_ends: false,
  why: {
    interruptible: "it has no INTERRUPT",
    exclude_me_false: "it cannot say `exclude_me: false`",
    force_reregister: "its options have no `force_reregister`",
    retain: "it takes `retain`, and sends nothing of it",
    scram: "it has no SCRAM",
    sealed: "it has no `enc_*`",
    sharding: "its options have no `rkey`, `nkey` and `runmode`",
    transaction_hash: "its options have no `transaction_hash`",
    concurrency: "its options have no `concurrency`",
    disclose_caller: "its options have no `disclose_caller`",
    revocation_told: "it announces no revocation, so that it is not told",
    told_why_it_ends: "it drops the reason of GOODBYE",
  },
  // Its CBOR writes integers from 2^32 on, and so the ids of most routers, as floats, and reads negative ones wrong.
  // It cannot unsubscribe what it subscribed to with options, which these two serializers need (see subscribe).
  without: { "ws-msgpack": ["unsubscribe"], "ws-cbor": ["unsubscribe", "unregister", "integers_53_bit"] },
};

const sessions = new Map();

function refusal(e) {
  return e && e.errorUri ? new Refused(e.errorUri, e.message) : e;
}

function payload(c, serializer) {
  return { argsList: unpack(c.args || [], serializer), argsDict: unpack(c.kwargs || {}, serializer) };
}

// One plug-in is an ES module, the other is not. NODE_PATH, where the packages are, is for `require` only.
async function plugin(name) {
  const module = await import(require.resolve(name));
  return module.sign ?? module.default.sign;
}

async function authentication({ method, authid, credential }) {
  const options = { authmethods: [method], authid, authMode: "auto" };
  if (method === "ticket") return { ...options, authPlugins: { ticket: () => credential } };
  if (method === "wampcra") {
    const sign = await plugin("wampy/wampcra.js");
    return { ...options, authPlugins: { wampcra: sign(credential) } };
  }
  const sign = await plugin("wampy/cryptosign.js");
  const pubkey = Buffer.from(nacl.sign.keyPair.fromSeed(Buffer.from(credential, "hex")).publicKey).toString("hex");
  return { ...options, authextra: { pubkey }, authPlugins: { cryptosign: sign(credential) } };
}

async function join(c) {
  const wampy = new Wampy(c.url, {
    realm: c.realm,
    ws: WebSocket,
    serializer: new SERIALIZERS[c.serializer](),
    payloadSerializers,
    autoReconnect: false,
    onClose: () => sessions.delete(c.s) && say({ lost: { s: c.s, reason: null } }),
    maxRetries: 0,
    ...(c.auth ? await authentication(c.auth) : {}),
  });
  const welcome = await wampy.connect().catch((e) => {
    throw refusal(e);
  });
  sessions.set(c.s, { wampy, serializer: c.serializer, subs: new Map(), calls: new Map() });
  return { session: Number(wampy.getSessionId()), authid: welcome.authid, authrole: welcome.authrole };
}

async function leave(c) {
  const { wampy } = sessions.get(c.s);
  sessions.delete(c.s);
  await wampy.disconnect();
}

// What a message says of its payload, if it says so.
function passthru(details) {
  if (!details || !details.ppt_scheme) return null;
  const { ppt_scheme, ppt_serializer, ppt_cipher, ppt_keyid } = details;
  return { ppt_scheme, ppt_serializer, ppt_cipher, ppt_keyid };
}

async function subscribe(c) {
  const { wampy, serializer, subs } = sessions.get(c.s);
  const handler = ({ details, argsList, argsDict }) =>
    say({
      event: {
        sub: c.sub,
        args: pack(argsList ?? [], serializer),
        kwargs: pack(argsDict ?? {}, serializer),
        topic: (details && details.topic) || c.topic,
        publisher: pack(details && details.publisher, serializer),
        retained: details && details.retained,
        publisher_authid: details && details.publisher_authid,
        publisher_authrole: details && details.publisher_authrole,
        transaction_hash: details && details.transaction_hash,
        trustlevel: details && details.trustlevel,
        passthru: passthru(details),
      },
    });
  // What is left out it sends as `undefined`, which MessagePack and CBOR carry and routers refuse.
  let options = serializer === "json" ? undefined : { match: "exact", get_retained: false };
  if (c.match) options = { ...options, match: c.match };
  if (c.get_retained) options = { ...options, get_retained: true };
  if (c._delivery) options = { ...options, _delivery: c._delivery };
  try {
    const answer = await wampy.subscribe(c.topic, handler, options);
    subs.set(c.sub, { key: answer.subscriptionKey, handler });
    return { subscription: Number(answer.subscriptionId) };
  } catch (e) {
    throw refusal(e);
  }
}

async function unsubscribe(c) {
  const { wampy, subs } = sessions.get(c.s);
  const { key, handler } = subs.get(c.sub);
  await wampy.unsubscribe(key, handler);
}

async function publish(c) {
  const { wampy, serializer } = sessions.get(c.s);
  const { acknowledge, ...options } = c.options || {};
  for (const list of ["eligible", "exclude"]) {
    if (options[list] && serializer !== "json") options[list] = options[list].map(BigInt);
  }
  try {
    const answer = await wampy.publish(c.topic, payload(c, serializer), options);
    return { publication: Number(answer.publicationId) };
  } catch (e) {
    throw refusal(e);
  }
}

const BEHAVIOURS = {
  echo: () => ({ argsList, argsDict }) => ({ argsList: argsList ?? [], argsDict: argsDict ?? {} }),
  fail: () => ({ argsList, argsDict }) => {
    throw { error: "com.example.error.refused", argsList: argsList ?? [], argsDict: argsDict ?? {} };
  },
  count: () => ({ argsList, result_handler }) => {
    for (let i = 0; i < argsList[0]; i += 1) result_handler({ argsList: [i], options: { progress: true } });
    return { argsList: [argsList[0]] };
  },
  name: (c) => () => ({ argsList: [c.reg] }),
  details: (c) => ({ details }) => ({
    argsDict: {
      procedure: details.procedure || c.procedure,
      caller: details.caller ?? null,
      caller_authid: details.caller_authid ?? null,
      caller_authrole: details.caller_authrole ?? null,
      transaction_hash: details.transaction_hash ?? null,
      trustlevel: details.trustlevel ?? null,
    },
  }),
  // Answers with what it got, encoded in the same way.
  passthru: () => ({ details, argsList, argsDict }) => ({
    argsList: [...(argsList ?? []), passthru(details)],
    argsDict: argsDict ?? {},
    options: passthru(details) ?? {},
  }),
  hang: (c) => () => {
    say({ invoked: c.reg });
    return new Promise(() => {});
  },
};

async function register(c) {
  const options = {};
  if (c.match) options.match = c.match;
  if (c.invoke) options.invoke = c.invoke;
  try {
    const answer = await sessions.get(c.s).wampy.register(c.procedure, BEHAVIOURS[c.does](c), options);
    return { registration: Number(answer.registrationId) };
  } catch (e) {
    throw refusal(e);
  }
}

async function unregister(c) {
  await sessions.get(c.s).wampy.unregister(c.procedure);
}

async function call(c) {
  const { wampy, serializer, calls } = sessions.get(c.s);
  const progress = [];
  const options = {};
  if (c.progress) options.progress_callback = (part) => progress.push(pack(part.argsList, serializer));
  if (c.timeout_ms) options.timeout = c.timeout_ms;
  if (c.disclose_me) options.disclose_me = true;
  Object.assign(options, c.passthru);
  try {
    if (c.parts) return { args: pack((await wampy.progressiveCall(c.procedure, payload(c, serializer)).result).argsList ?? [], serializer) };
    const pending = wampy.call(c.procedure, payload(c, serializer), options);
    const { reqId } = wampy.getOpStatus();
    calls.set(c.procedure, reqId);
    const result = await pending;
    return { args: pack(result.argsList ?? [], serializer), kwargs: pack(result.argsDict ?? {}, serializer), progress, passthru: passthru(result.details) };
  } catch (e) {
    if (!e.errorUri) throw e;
    return { error: e.errorUri, args: pack(e.argsList ?? [], serializer), kwargs: pack(e.argsDict ?? {}, serializer) };
  }
}

async function cancel(c) {
  const { wampy, calls } = sessions.get(c.s);
  wampy.cancel(calls.get(c.procedure), { mode: c.mode });
}

serve(FEATURES, { join, leave, subscribe, unsubscribe, publish, register, unregister, call, cancel });
