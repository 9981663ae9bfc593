// As much of WAMP as this page needs: JSON over WebSocket, one answer for each request.
"use strict";

const HELLO = 1, WELCOME = 2, ABORT = 3, GOODBYE = 6, ERROR = 8, PUBLISH = 16, PUBLISHED = 17;
const SUBSCRIBE = 32, SUBSCRIBED = 33, EVENT = 36;

class Session {
  /** Joins a realm. Rejects with the reason if it is refused. */
  static join(url, realm) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, ["wamp.2.json"]);
      const session = new Session(socket);
      const roles = { publisher: {}, subscriber: {} };
      socket.onopen = () => session.send([HELLO, realm, { roles, authmethods: ["anonymous"] }]);
      socket.onerror = () => reject(new Error(`no connection to ${url}`));
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message[0] === WELCOME) {
          session.id = message[1];
          socket.onmessage = (event) => session.receive(JSON.parse(event.data));
          resolve(session);
        } else if (message[0] === ABORT) {
          reject(new Error(`${message[2]}: ${message[1].message}`));
        }
      };
    });
  }

  constructor(socket) {
    this.socket = socket;
    this.requests = 0;
    this.pending = new Map();
    this.handlers = new Map();
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  request(kind, ...rest) {
    this.requests += 1;
    this.send([kind, this.requests, ...rest]);
    return new Promise((resolve, reject) => this.pending.set(this.requests, { resolve, reject }));
  }

  receive(message) {
    const [kind, first, second] = message;
    if (kind === SUBSCRIBED || kind === PUBLISHED) {
      this.pending.get(first).resolve(second);
      this.pending.delete(first);
    } else if (kind === ERROR) {
      this.pending.get(second).reject(new Error(message[4]));
      this.pending.delete(second);
    } else if (kind === EVENT) {
      this.handlers.get(first)?.(message[4] ?? []);
    }
  }

  async subscribe(topic, handler) {
    const subscription = await this.request(SUBSCRIBE, {}, topic);
    this.handlers.set(subscription, handler);
  }

  publish(topic, args) {
    return this.request(PUBLISH, { acknowledge: true, exclude_me: false }, topic, args);
  }

  leave() {
    this.send([GOODBYE, {}, "wamp.close.close_realm"]);
  }
}
