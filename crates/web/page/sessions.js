/** The table of sessions: read anew when one joins or leaves, and from time to time for the figures. */

import { element } from "./element.js";

/** Between two readings while the page is looked at, in milliseconds. */
const REFRESH_MS = 3000;
/** From a join or leave to the reading it causes, so that a crowd causes one. */
const SETTLE_MS = 350;
/** Without `crossweave.sessions`, this many sessions are asked for one by one. */
const SINGLE_MAX = 50;

export function showSessions(connection) {
  const count = document.getElementById("sessions-count");
  const rows = document.getElementById("sessions-rows");
  const note = document.getElementById("sessions-note");
  const explanation = note.textContent;
  let timer = 0, isReading = false;

  const readLater = delay => {
    clearTimeout(timer);
    timer = setTimeout(refresh, delay);
  };
  const refresh = async () => {
    if (connection.state !== "joined" || document.hidden || isReading) return;
    isReading = true;
    try {
      const { sessions, total, dropped, sessions_with_drops } = await read(connection);
      const own = connection.welcome.session;
      count.textContent = total;
      rows.replaceChildren(...sessions.map(it => row(it, it.session === own)));
      const first = total > sessions.length
        ? `${sessions.length} of ${total}, those that miss events first, then those with the longest queues. ` : "";
      const drops = dropped > 0
        ? ` Dropped since the realm was started: ${dropped} ${dropped === 1 ? "event" : "events"}; sessions here that miss some: ${sessions_with_drops ?? 0}.` : "";
      note.textContent = first + explanation + drops;
    } catch (error) {
      note.textContent = `The sessions cannot be shown: ${error.message}`;
    } finally {
      isReading = false;
      readLater(REFRESH_MS);
    }
  };

  for (const topic of ["wamp.session.on_join", "wamp.session.on_leave"]) {
    connection.subscribe(topic, "exact", () => readLater(SETTLE_MS)).done.catch(() => {});
  }
  connection.addEventListener("state", () => connection.state === "joined" && readLater(0));
  document.addEventListener("visibilitychange", () => document.hidden || readLater(0));
}

/** From the node's own procedure, which knows the queues; from the session meta API where that is not registered. */
async function read(connection) {
  try {
    const { args: [sessions], kwargs } = await connection.call("crossweave.sessions");
    return { sessions, ...kwargs, total: kwargs.total ?? sessions.length };
  } catch (error) {
    if (error.uri !== "wamp.error.no_such_procedure") throw error;
  }
  const { args: [ids] } = await connection.call("wamp.session.list");
  const get = id => connection.call("wamp.session.get", [id]).then(({ args: [details] }) => details, () => null);
  const all = await Promise.all(ids.slice(0, SINGLE_MAX).map(get));
  const sessions = all.filter(Boolean).map(it => ({ ...it, ...it.transport, serializer: it.transport?.channel_serializer }));
  return { sessions, total: ids.length };
}

function row(it, isOwn) {
  const dropped = it.dropped > 0 ? "number lossy" : "number";
  const transport = [it.channel_framing, it.serializer].filter(Boolean).join(" · ");
  return element("tr", { class: isOwn ? "own" : false },
    element("td", {}, element("code", {}, String(it.session)), isOwn ? element("span", { class: "badge" }, "this page") : ""),
    element("td", {}, it.authid ?? ""),
    element("td", {}, it.authrole ?? ""),
    element("td", {}, transport),
    element("td", {}, it.peer ?? ""),
    element("td", { class: "number" }, it.waiting_bytes == null ? "–" : bytes(it.waiting_bytes)),
    element("td", { class: dropped }, it.dropped == null ? "–" : String(it.dropped)));
}

function bytes(count) {
  if (count < 1024) return `${count} B`;
  return count < 1024 * 1024 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1024 / 1024).toFixed(1)} MiB`;
}
