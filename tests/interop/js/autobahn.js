// AutobahnJS as a peer that does what the interop driver tells it.
//
// Run with `node --experimental-websocket` on Node 20 and 21: AutobahnJS 26 uses the platform's own WebSocket.
"use strict";

// stdout belongs to the protocol with the driver.
for (const level of ["log", "info", "debug"]) console[level] = console.error;

const autobahn = require("autobahn");
// For long-poll AutobahnJS needs what browsers have.
global.XMLHttpRequest = require("xhr2");
const nacl = require("tweetnacl");
const { say, pack, unpack, Refused, serve } = require("./protocol.js");

const SERIALIZERS = {
  json: () => new autobahn.serializer.JSONSerializer(),
  msgpack: () => new autobahn.serializer.MsgpackSerializer(),
  cbor: () => new autobahn.serializer.CBORSerializer(),
};

const FEATURES = {
  transports: ["ws-json", "ws-msgpack", "ws-cbor", "rs-json", "lp-json"],
  binary: true,
  progress: true,
  call_timeout: true,
  cancel: true,
  cancel_skip: false,
  interruptible: false,
  disclose_me: true,
  passthru: false,
  sealed: false,
  parts: false,
  trustlevel: false,
  transaction_hash_shown: false,
  why: {
    cancel_skip: "it takes the ERROR of a call that it cancelled so for a protocol violation",
    cancel_killnowait: "it takes the ERROR of a call that it cancelled so for a protocol violation",
    interruptible: "it has no INTERRUPT",
    passthru: "it announces no payload passthru",
    sealed: "it announces no payload passthru",
    parts: "it has no progressive call invocations",
    trustlevel: "its details have no `trustlevel`",
    transaction_hash_shown: "its details have no `transaction_hash`",
    scram: "it has no SCRAM",
  },
  cancel_killnowait: false,
  complex_result: true,
  publish_lists: true,
  topic_of_event: true,
  auth: ["ticket", "wampcra", "wampcra-salted", "wampcra-derived", "cryptosign"],
  without: { "lp-json": ["ordered"] },
};

const sessions = new Map();

function refusal(e) {
  return e instanceof autobahn.Error ? new Refused(e.error, (e.args || []).join(" ")) : e;
}

function transport(c) {
  const url = new URL(c.url);
  if (url.protocol === "rs:") return { type: "rawsocket", host: url.hostname, port: Number(url.port) };
  if (url.protocol === "http:") return { type: "longpoll", url: c.url };
  return { type: "websocket", url: c.url, serializers: [SERIALIZERS[c.serializer]()] };
}

function hex(bytes) {
  return Buffer.from(bytes).toString("hex");
}

function authentication({ method, authid, credential }) {
  const options = { authmethods: [method], authid };
  if (method !== "cryptosign") {
    options.onchallenge = (session, asked, extra) => {
      if (asked !== "wampcra") return credential;
      const { sign, derive_key } = autobahn.auth_cra;
      const key = extra.salt ? derive_key(credential, extra.salt, extra.iterations, extra.keylen) : credential;
      return sign(key, extra.challenge);
    };
    return options;
  }
  const key = nacl.sign.keyPair.fromSeed(Buffer.from(credential, "hex"));
  options.authextra = { pubkey: hex(key.publicKey), channel_binding: null };
  options.onchallenge = (session, asked, extra) => autobahn.auth_cryptosign.sign_challenge(key, extra);
  return options;
}

function join(c) {
  return new Promise((resolve, reject) => {
    const connection = new autobahn.Connection({
      transports: [transport(c)],
      realm: c.realm,
      max_retries: 0,
      retry_if_unreachable: false,
      on_user_error: () => {},
      ...(c.auth ? authentication(c.auth) : {}),
    });
    connection.onopen = (session, details) => {
      sessions.set(c.s, { connection, session, serializer: c.serializer, subs: new Map(), regs: new Map(), calls: new Map() });
      resolve({ session: session.id, authid: details.authid, authrole: details.authrole });
    };
    connection.onclose = (reason, details) => {
      const left = sessions.get(c.s);
      if (left && left.onclosed) left.onclosed();
      else if (left && sessions.delete(c.s)) say({ lost: { s: c.s, reason: details.reason || reason } });
      reject(new Refused(details.reason || reason, details.message));
      return true;
    };
    connection.open();
  });
}

function leave(c) {
  const peer = sessions.get(c.s);
  return new Promise((resolve) => {
    peer.onclosed = () => {
      sessions.delete(c.s);
      resolve();
    };
    peer.connection.close();
  });
}

// Those of the command's entries that are there.
function pick(c, names) {
  return Object.fromEntries(names.filter((name) => c[name]).map((name) => [name, c[name]]));
}

async function subscribe(c) {
  const { session, serializer, subs } = sessions.get(c.s);
  const handler = (args, kwargs, details) =>
    say({
      event: {
        sub: c.sub,
        args: pack(args, serializer),
        kwargs: pack(kwargs, serializer),
        topic: details.topic,
        publisher: details.publisher,
        publication: details.publication,
        retained: details.retained,
        publisher_authid: details.publisher_authid,
        publisher_authrole: details.publisher_authrole,
      },
    });
  try {
    const options = pick(c, ["match", "get_retained", "nkey", "_delivery"]);
    const subscription = await session.subscribe(c.topic, handler, options);
    subs.set(c.sub, subscription);
    // Resolves with `true` or nothing when the client itself unsubscribes.
    subscription.on_unsubscribe.then((reason) => typeof reason === "string" && say({ revoked: { name: c.sub, reason } }));
    return { subscription: subscription.id };
  } catch (e) {
    throw refusal(e);
  }
}

async function unsubscribe(c) {
  await sessions.get(c.s).subs.get(c.sub).unsubscribe();
}

async function publish(c) {
  const { session, serializer } = sessions.get(c.s);
  try {
    const args = unpack(c.args || [], serializer);
    const kwargs = unpack(c.kwargs || {}, serializer);
    const publication = await session.publish(c.topic, args, kwargs, { ...c.options });
    return { publication: publication ? publication.id : null };
  } catch (e) {
    throw refusal(e);
  }
}

const BEHAVIOURS = {
  echo: () => (args, kwargs) => new autobahn.Result(args, kwargs),
  fail: () => (args, kwargs) => {
    throw new autobahn.Error("com.example.error.refused", args, kwargs);
  },
  count: () => (args, kwargs, details) => {
    for (let i = 0; i < args[0]; i += 1) details.progress([i]);
    return args[0];
  },
  name: (c) => () => c.reg,
  details: () => (args, kwargs, details) =>
    new autobahn.Result([], {
      procedure: details.procedure,
      caller: details.caller ?? null,
      caller_authid: details.caller_authid ?? null,
      caller_authrole: details.caller_authrole ?? null,
    }),
  hang: (c) => () => {
    say({ invoked: c.reg });
    return new Promise(() => {});
  },
};

async function register(c) {
  const { session, regs } = sessions.get(c.s);
  const options = pick(c, ["match", "invoke", "force_reregister", "concurrency", "disclose_caller", "nkey"]);
  try {
    const registration = await session.register(c.procedure, BEHAVIOURS[c.does](c), options);
    regs.set(c.reg, registration);
    registration.on_unregister.then((reason) => typeof reason === "string" && say({ revoked: { name: c.reg, reason } }));
    return { registration: registration.id };
  } catch (e) {
    throw refusal(e);
  }
}

async function unregister(c) {
  await sessions.get(c.s).regs.get(c.reg).unregister();
}

function call(c) {
  const { session, serializer, calls } = sessions.get(c.s);
  const options = pick(c, ["disclose_me", "rkey", "runmode", "transaction_hash"]);
  if (c.progress) options.receive_progress = true;
  if (c.timeout_ms) options.timeout = c.timeout_ms;
  const progress = [];
  const pending = session.call(
    c.procedure,
    unpack(c.args || [], serializer),
    unpack(c.kwargs || {}, serializer),
    options,
  );
  calls.set(c.procedure, pending);
  const onresult = (result) => {
    if (result instanceof autobahn.Result) {
      return { args: pack(result.args, serializer), kwargs: pack(result.kwargs, serializer), progress };
    }
    return { args: result === null ? [] : [pack(result, serializer)], kwargs: {}, progress };
  };
  const onerror = (e) => {
    if (!(e instanceof autobahn.Error)) throw e;
    return { error: e.error, args: pack(e.args, serializer), kwargs: pack(e.kwargs, serializer) };
  };
  return pending.then(onresult, onerror, (part) => progress.push([pack(part, serializer)]));
}

// The client's own default mode drops the call and then takes the router's ERROR for a protocol violation, so the one
// mode it can use is `kill`.
async function cancel(c) {
  sessions.get(c.s).calls.get(c.procedure).cancel({ mode: "kill" });
}

serve(FEATURES, { join, leave, subscribe, unsubscribe, publish, register, unregister, call, cancel });
