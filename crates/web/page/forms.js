/** The two forms that call and publish. */

import { WampError } from "./wamp.js";
import { element } from "./element.js";

/** Longer answers are cut, in characters. */
const ANSWER_MAX = 20_000;
const CALL_TIMEOUT_MS = 30_000;

export function setUpForms(connection) {
  setUp(document.getElementById("call"), async ({ uri, args, kwargs }) => {
    const result = await connection.call(uri, args, kwargs, { timeout: CALL_TIMEOUT_MS });
    return { title: "Result", parts: payloadParts(result) };
  });
  setUp(document.getElementById("publish"), async ({ uri, args, kwargs, form }) => {
    const id = await connection.publish(uri, args, kwargs, { exclude_me: !form.elements.to_me.checked });
    return { title: "Published", parts: [element("p", {}, "Publication ", element("code", {}, String(id)))] };
  });
}

/** `act` gets what the form says and promises an answer to show. */
function setUp(form, act) {
  const answer = form.querySelector("[data-answer]");
  const button = form.querySelector("button[type=submit]");
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const input = read(form);
    if (!input) return;
    button.disabled = true;
    const start = performance.now();
    try {
      const { title, parts } = await act({ ...input, form });
      show(answer, "good", `${title} in ${milliseconds(performance.now() - start)}`, parts);
    } catch (error) {
      showError(answer, error);
    } finally {
      button.disabled = false;
    }
  });
  form.addEventListener("input", event => event.target.removeAttribute("aria-invalid"));
  form.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}

function read(form) {
  const answer = form.querySelector("[data-answer]");
  const { uri, args, kwargs } = form.elements;
  try {
    return {
      uri: uri.value.trim(),
      args: parse(args, "[]", Array.isArray, "a JSON list, such as [2, 3]"),
      kwargs: parse(kwargs, "{}", isObject, "a JSON object, such as {\"name\": 1}"),
    };
  } catch (error) {
    show(answer, "bad", error.message, []);
    return null;
  }
}

function parse(field, whenEmpty, isRight, what) {
  const label = field.name === "args" ? "arguments" : "keyword arguments";
  try {
    const value = JSON.parse(field.value.trim() || whenEmpty);
    if (isRight(value)) return value;
  } catch { /* told below, in words that name the field */ }
  field.setAttribute("aria-invalid", "true");
  field.focus();
  throw new Error(`The ${label} must be ${what}.`);
}

const isObject = value => typeof value === "object" && value !== null && !Array.isArray(value);

const milliseconds = time => time < 10 ? `${time.toFixed(1)} ms` : `${Math.round(time)} ms`;

function payloadParts({ args, kwargs }) {
  const hasKwargs = Object.keys(kwargs).length > 0;
  if (!args.length && !hasKwargs) return [element("p", {}, "(no arguments)")];
  const shown = args.length === 1 && !hasKwargs ? args[0] : args;
  const parts = [json(shown)];
  return hasKwargs ? [...parts, json(kwargs)] : parts;
}

function json(value) {
  const text = JSON.stringify(value, null, 2);
  return element("pre", { tabindex: 0 }, text.length > ANSWER_MAX ? `${text.slice(0, ANSWER_MAX)}\n…` : text);
}

/** Shows an error, whatever it is, where the answer is expected. */
export function showError(answer, error) {
  if (!(error instanceof WampError)) return show(answer, "bad", error.message, []);
  const { uri, args, kwargs } = error;
  const text = typeof args[0] === "string" ? [element("p", {}, args[0])] : [];
  const rest = { args: text.length ? args.slice(1) : args, kwargs };
  const hasRest = rest.args.length > 0 || Object.keys(kwargs).length > 0;
  show(answer, "bad", uri, hasRest ? [...text, ...payloadParts(rest)] : text);
}

/** Shows an answer: `mood` is `good` or `bad`. */
export function show(answer, mood, title, parts) {
  answer.dataset.mood = mood;
  answer.replaceChildren(element("strong", {}, title), ...parts);
}
