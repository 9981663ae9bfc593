/**
 * A small WAMP client for browsers: JSON over WebSocket, as much as the start page needs.
 *
 * It calls, publishes and subscribes. It connects by itself, again and again with growing pauses, and subscribes anew after
 * each reconnect. It is no library: for programs of your own take a full client such as Autobahn|JS.
 */

const HELLO = 1, WELCOME = 2, ABORT = 3, GOODBYE = 6, ERROR = 8, PUBLISH = 16, PUBLISHED = 17, SUBSCRIBE = 32,
  SUBSCRIBED = 33, UNSUBSCRIBE = 34, UNSUBSCRIBED = 35, EVENT = 36, CALL = 48, RESULT = 50;

/** The first and the longest pause between two attempts to connect, in milliseconds. */
const PAUSE_FIRST_MS = 500, PAUSE_MAX_MS = 15_000;

/** An ERROR message, or the lack of a connection. */
export class WampError extends Error {
  constructor(uri, args = [], kwargs = {}) {
    super(typeof args[0] === "string" ? `${uri}: ${args[0]}` : uri);
    Object.assign(this, { uri, args, kwargs });
  }
}

/**
 * A connection that is kept up. Dispatches the event `state` whenever `state`, `reason` or `welcome` change.
 *
 * `state` is `connecting`, `joined` or `waiting` (for the next attempt, at the time `retryAt`).
 */
export class Connection extends EventTarget {
  #url; #realm; #socket = null; #request = 0; #attempt = 0; #timer = 0;
  /** Requests that wait for an answer: id -> {resolve, reject}. */
  #pending = new Map();
  /** What is to be subscribed, whether connected or not. */
  #wanted = new Set();
  /** Subscription id -> the members of `#wanted` that share it. */
  #active = new Map();

  state = "connecting"; reason = ""; retryAt = 0;
  /** `{session, details}` of the last WELCOME. */
  welcome = null;

  constructor(url, realm) {
    super();
    this.#url = url;
    this.#realm = realm;
  }

  /** Connects now, if there is no connection. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#set("connecting");
    const socket = this.#socket = new WebSocket(this.#url, ["wamp.2.json"]);
    const roles = { caller: {}, publisher: {}, subscriber: { features: { pattern_based_subscription: true } } };
    socket.onopen = () => this.#send([HELLO, this.#realm, { roles }]);
    socket.onmessage = message => this.#receive(message.data);
    socket.onclose = () => this.#lost();
  }

  /** Calls a procedure; the promise is of `{args, kwargs}`, or rejected with a WampError. */
  async call(procedure, args = [], kwargs = {}, options = {}) {
    const [, , , resultArgs = [], resultKwargs = {}] = await this.#ask([CALL, options, procedure, args, kwargs]);
    return { args: resultArgs, kwargs: resultKwargs };
  }

  /** Publishes an event; the promise is of the publication's id. */
  async publish(topic, args = [], kwargs = {}, options = {}) {
    const message = await this.#ask([PUBLISH, { ...options, acknowledge: true }, topic, args, kwargs]);
    return message[2];
  }

  /**
   * Subscribes now, or as soon as there is a connection, and after each reconnect.
   *
   * `onEvent` gets `{topic, args, kwargs, publication}`. The promise of `done` is rejected if the router refuses; `cancel()` ends
   * the subscription.
   */
  subscribe(topic, match, onEvent) {
    const wanted = { topic, match, onEvent, id: 0 };
    this.#wanted.add(wanted);
    const done = this.state === "joined" ? this.#subscribe(wanted) : Promise.resolve();
    return { topic, match, done, cancel: () => this.#cancel(wanted) };
  }

  async #subscribe(wanted) {
    try {
      await this.#ask([SUBSCRIBE, { match: wanted.match }, wanted.topic], ([, , id]) => this.#activate(id, wanted));
    } catch (error) {
      // A lost connection is no refusal: the subscription is made again after the reconnect.
      if (!(error instanceof Disconnected)) {
        this.#wanted.delete(wanted);
        throw error;
      }
    }
  }

  /** Runs while SUBSCRIBED is handled, so that the first EVENT finds its receiver. */
  #activate(id, wanted) {
    wanted.id = id;
    if (!this.#active.has(id)) this.#active.set(id, new Set());
    this.#active.get(id).add(wanted);
    if (!this.#wanted.has(wanted)) this.#cancel(wanted);
  }

  #cancel(wanted) {
    this.#wanted.delete(wanted);
    const sharers = this.#active.get(wanted.id);
    if (!sharers?.delete(wanted) || sharers.size) return;
    this.#active.delete(wanted.id);
    this.#ask([UNSUBSCRIBE, wanted.id]).catch(() => {});
  }

  /** Sends a request, whose id goes behind the message's code. `onAnswer` runs before anything that follows is handled. */
  #ask([code, ...rest], onAnswer = () => {}) {
    if (this.state !== "joined") return Promise.reject(new Disconnected());
    const id = ++this.#request;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: message => { onAnswer(message); resolve(message); }, reject });
      this.#send([code, id, ...rest]);
    });
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #receive(text) {
    const message = JSON.parse(text);
    switch (message[0]) {
      case WELCOME: return this.#joined(message);
      case ABORT: case GOODBYE: return this.#leave(message);
      case EVENT: return this.#event(message);
      case ERROR: return this.#answer(message[2], it => it.reject(new WampError(...message.slice(4))));
      case PUBLISHED: case SUBSCRIBED: case UNSUBSCRIBED: case RESULT:
        return this.#answer(message[1], it => it.resolve(message));
    }
  }

  #answer(id, settle) {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (pending) settle(pending);
  }

  #joined([, session, details]) {
    this.welcome = { session, details };
    this.#attempt = this.#request = 0;
    this.#set("joined");
    for (const wanted of this.#wanted) {
      this.#subscribe(wanted).catch(error => console.warn(`cannot subscribe to ${wanted.topic}`, error));
    }
  }

  #leave([code, details, uri]) {
    this.reason = details?.message ? `${uri}: ${details.message}` : uri;
    if (code === GOODBYE) this.#send([GOODBYE, {}, "wamp.close.goodbye_and_out"]);
    this.#socket.close();
  }

  #event([, id, publication, details, args = [], kwargs = {}]) {
    for (const wanted of [...this.#active.get(id) ?? []]) {
      wanted.onEvent({ topic: details.topic ?? wanted.topic, args, kwargs, publication });
    }
  }

  #lost() {
    this.#socket = null;
    this.#active.clear();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    pending.forEach(it => it.reject(new Disconnected()));
    // Half of the pause is random: the pages of a router that comes back do not all arrive at once.
    const pause = Math.min(PAUSE_FIRST_MS * 2 ** this.#attempt++, PAUSE_MAX_MS) * (0.5 + Math.random() / 2);
    this.retryAt = Date.now() + pause;
    this.#timer = setTimeout(() => this.connect(), pause);
    this.#set("waiting", this.reason || "connection lost");
  }

  #set(state, reason = "") {
    Object.assign(this, { state, reason });
    this.dispatchEvent(new Event("state"));
  }
}

class Disconnected extends WampError {
  constructor() {
    super("not connected", ["the connection to the router is down"]);
  }
}
