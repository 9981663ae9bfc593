/** The start page: one WAMP session, handed to each part of the page. */

import { Connection } from "./wamp.js";
import { showClock } from "./clock.js";
import { showSessions } from "./sessions.js";
import { setUpForms } from "./forms.js";
import { showEvents } from "./events.js";
import { showSnippets } from "./snippets.js";

const { realm, websocketPath } = document.documentElement.dataset;
const isTls = location.protocol === "https:";
const port = location.port || (isTls ? "443" : "80");
const urls = {
  page: location.origin,
  websocket: `${isTls ? "wss" : "ws"}://${location.host}${websocketPath}`,
  rawsocket: `${isTls ? "rss" : "rs"}://${location.hostname}:${port}`,
};

for (const place of document.querySelectorAll("[data-fill]")) {
  place.textContent = { "websocket-url": urls.websocket, "rawsocket-url": urls.rawsocket }[place.dataset.fill];
}

const connection = new Connection(urls.websocket, realm);
showState();
showSnippets(urls, realm);
showClock(connection);
showEvents(connection);
setUpForms(connection);
showSessions(connection);
connection.connect();

function showState() {
  const pill = document.getElementById("state");
  const text = document.getElementById("state-text");
  const heading = document.getElementById("clock-heading");
  const show = () => {
    pill.dataset.state = connection.state;
    text.textContent = {
      connecting: () => "connecting",
      joined: () => `joined as ${connection.welcome.details.authrole ?? "a client"}, session ${connection.welcome.session}`,
      waiting: () => `${connection.reason}; next attempt in ${secondsLeft()} s`,
    }[connection.state]();
    if (connection.state === "connecting") return;
    const isJoined = connection.state === "joined";
    heading.textContent = isJoined ? "Your router is running." : "The router does not answer.";
    document.title = isJoined ? "Crossweave is running" : "Crossweave does not answer";
    if (isJoined) showAgent(connection.welcome.details.agent);
  };
  const secondsLeft = () => Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000));
  connection.addEventListener("state", show);
  setInterval(() => connection.state === "waiting" && show(), 1000);
  // Whoever comes back to the page, or back online, does not want to wait for the next attempt.
  addEventListener("online", () => connection.connect());
  document.addEventListener("visibilitychange", () => document.hidden || connection.connect());
}

function showAgent(agent) {
  if (agent) document.getElementById("agent").textContent = agent.replace("/", " ");
}
