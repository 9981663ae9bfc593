// Subscribes to an event and calls a procedure. Written for AutobahnJS, as for any WAMP router.
const autobahn = require("autobahn");

// Before version 22, Node has no WebSocket of its own.
globalThis.WebSocket ??= require("ws");

const connection = new autobahn.Connection({ url: "ws://127.0.0.1:8080/ws", realm: "realm1" });

connection.onopen = async (session) => {
  await session.subscribe("com.example.ticks", ([tick]) => console.log("tick", tick));
  try {
    console.log(await session.call("com.example.greet", ["JavaScript"]));
  } catch (error) {
    console.log("is hello.py running?", error.error);
  }
};

connection.open();
