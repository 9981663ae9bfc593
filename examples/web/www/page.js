// WAMP in plain JavaScript, without a library: HELLO, SUBSCRIBE, and EVENTs. It publishes by HTTP.
"use strict";

const [HELLO, WELCOME, SUBSCRIBE, EVENT] = [1, 2, 32, 36];

async function start() {
  const settings = await (await fetch("settings")).json();
  const url = new URL("ws", location);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, "wamp.2.json");
  const send = (...message) => socket.send(JSON.stringify(message));
  socket.onopen = () => send(HELLO, settings.realm, { roles: { subscriber: {} } });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message[0] === WELCOME) send(SUBSCRIBE, 1, {}, settings.topic);
    if (message[0] === EVENT) show(message[4]);
  };
  document.getElementById("say").onsubmit = (submit) => {
    submit.preventDefault();
    const body = JSON.stringify({ topic: settings.topic, args: [submit.target.text.value] });
    fetch("api/publish", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  };
}

function show(args) {
  const item = document.createElement("li");
  item.textContent = JSON.stringify(args);
  document.getElementById("events").append(item);
}

start();
