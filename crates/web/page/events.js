/** Subscriptions made on the page, and a log of their events. */

import { element, payloadLine } from "./element.js";
import { showError } from "./forms.js";

/** Rows kept; older ones go. */
const ROWS_MAX = 200;

export function showEvents(connection) {
  const log = new Log();
  const form = document.getElementById("subscribe");
  const answer = document.getElementById("subscribe-answer");
  const list = document.getElementById("subscriptions");
  const held = new Set();

  const subscribe = async (topic, match) => {
    const key = JSON.stringify([topic, match]);
    if (held.has(key)) return;
    const subscription = connection.subscribe(topic, match, event => log.add(event));
    const drop = () => {
      held.delete(key);
      chip.remove();
    };
    const chip = element("li", {},
      element("code", {}, topic || "(every topic)"), match === "exact" ? "" : ` ${match}`,
      element("button", {
        type: "button", "aria-label": `Unsubscribe from ${topic || "every topic"}`,
        onclick: () => { subscription.cancel(); drop(); },
      }, "×"));
    held.add(key);
    list.append(chip);
    answer.replaceChildren();
    delete answer.dataset.mood;
    try {
      await subscription.done;
    } catch (error) {
      drop();
      showError(answer, error);
    }
  };

  form.addEventListener("submit", event => {
    event.preventDefault();
    subscribe(form.elements.uri.value.trim(), form.elements.match.value);
  });
  subscribe("com.example.hello", "exact");
}

class Log {
  #rows = document.getElementById("log");
  #empty = document.getElementById("log-empty");
  #count = document.getElementById("log-count");
  #pause = document.getElementById("log-pause");
  #received = 0;
  #isPaused = false;

  constructor() {
    document.getElementById("log-clear").addEventListener("click", () => this.#clear());
    this.#pause.addEventListener("click", () => this.#toggle());
  }

  /** Events are counted also while the log is paused. */
  add({ topic, args, kwargs }) {
    this.#received += 1;
    this.#showCount();
    if (this.#isPaused) return;
    this.#empty.hidden = true;
    this.#rows.prepend(element("tr", {},
      element("td", { class: "when" }, new Date().toTimeString().slice(0, 8)),
      element("td", {}, element("code", {}, topic)),
      element("td", { class: "payload" }, element("code", {}, payloadLine(args, kwargs)))));
    while (this.#rows.childElementCount > ROWS_MAX) this.#rows.lastElementChild.remove();
  }

  #toggle() {
    this.#isPaused = !this.#isPaused;
    this.#pause.setAttribute("aria-pressed", String(this.#isPaused));
    this.#pause.textContent = this.#isPaused ? "Resume" : "Pause";
    this.#showCount();
  }

  #clear() {
    this.#rows.replaceChildren();
    this.#received = 0;
    this.#empty.hidden = false;
    this.#showCount();
  }

  #showCount() {
    const events = this.#received === 1 ? "1 event" : `${this.#received || "no"} events`;
    this.#count.textContent = this.#isPaused ? `${events}, log paused` : this.#received ? events : "no events yet";
  }
}
