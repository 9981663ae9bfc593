/** Making elements. Text goes in as text, never as markup. */

/**
 * An element: `element("td", { class: "number" }, "12")`. Children are nodes or become text; properties are attributes, those that
 * start with `on` are listeners.
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A line of JSON with spaces where people expect them, cut at `max` characters. */
export function jsonLine(value, max = 300) {
  const text = JSON.stringify(value, null, 1).replace(/\n\s*/g, " ").replace(/([[{]) | ([\]}])/g, "$1$2");
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

/** Args and kwargs in one line. */
export function payloadLine(args, kwargs, max) {
  const hasKwargs = Object.keys(kwargs).length > 0;
  return hasKwargs ? `${jsonLine(args, max)}  ${jsonLine(kwargs, max)}` : jsonLine(args, max);
}
