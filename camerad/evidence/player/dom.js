// Elements, made without HTML: nothing that a recording or a file says is ever parsed as markup.

/**
 * An element. `text` is its text, `class` its class, functions listen to the event of their name,
 * true and false set and leave out an attribute; everything else is an attribute.
 * @param {string} tag
 * @param {Record<string, any>} [options]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "text") made.textContent = value;
    else if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, String(value));
  }
  made.append(...children);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A picture for a button, of 24 by 24, in the colour of its text. @param {string} path */
export function icon(path) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  made.append(line);
  return made;
}

/** @param {Element} element @param {boolean} shown */
export function show(element, shown) {
  element.toggleAttribute("hidden", !shown);
}
