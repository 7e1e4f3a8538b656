// Makes elements without ever reading HTML: every text stays text.

import { RefusalError } from "./api.js";
import { gettext, sentence } from "./words.js";

/**
 * An element. properties: attributes, or functions for events (`onclick`); `null` and `false` leave
 * one out. children: elements and texts; `null` is nothing.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false && value !== undefined)
      element.setAttribute(name, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A picture for a button, of 24 by 24, in the colour of its text. */
export function icon(path) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  made.append(line);
  return made;
}

/** Replaces all that is in an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** What each place was asked to show last. */
const questions = new WeakMap();

/** Comes to what a question comes to; to null, if another one was asked for the same place since: so
 * no answer that is late is drawn over a later one. */
export async function newest(place, question) {
  questions.set(place, question);
  const isNewest = () => questions.get(place) === question;
  const answer = await question.catch((error) => {
    if (isNewest()) throw error;
  });
  return isNewest() ? answer : null;
}

/** Draws a page anew. What a person has opened in it stays open, and what they are at keeps the focus. */
export function redraw(main, ...children) {
  const opened = [...main.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
  const focused = main.contains(document.activeElement) ? document.activeElement : null;
  const called = (one) => one.getAttribute("aria-label") ?? one.textContent;
  const alike = () => [...main.querySelectorAll(focused.tagName)].filter((one) => called(one) === called(focused));
  const before = focused === null ? [] : alike();
  fill(main, ...children);
  for (const one of main.querySelectorAll("details:not([open]) > summary")) one.parentElement.open = opened.includes(one.textContent);
  if (focused === null) return;
  const after = alike();
  // Where there are more of them, or fewer, it is not known which one it was.
  const same = after.length === before.length ? after[before.indexOf(focused)] : main;
  (main.contains(focused) ? focused : same).focus({ preventScroll: true });
}

/** A labelled field. input: the control, which gets an id if it has none; or what has it as `control`. */
export function field(label, input, hint = null) {
  const control = input.control ?? input;
  if (!control.id) control.id = `field-${(counter += 1)}`;
  const parts = [make("label", { for: control.id }, label), input];
  if (hint !== null) {
    const said = make("p", { class: "hint", id: `${control.id}-hint` }, hint);
    control.setAttribute("aria-describedby", said.id);
    parts.push(said);
  }
  return make("div", { class: "field" }, parts);
}
let counter = 0;

/** Says something to those who see the page, and to those who hear it. */
export function tell(text, kind = "done") {
  const told = document.getElementById("told");
  const line = make("p", { class: kind }, text);
  fill(told, line);
  clearTimeout(telling);
  telling = setTimeout(() => line.remove(), kind === "done" ? 6000 : 20000);
}
let telling = 0;

/** What was wrong is said no longer: something else is asked for, or looked at. */
function hush() {
  document.querySelector("#told .wrong")?.remove();
}

/** Copies the text of an element, or what is in a field. */
export async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.value ?? element.textContent);
    tell(gettext("Copied."));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    if (element.select) element.select();
    else getSelection().selectAllChildren(element);
    tell(gettext("The browser does not allow copying. The text is selected: press Ctrl+C."), "wrong");
  }
}

/** Closes what is asked: it was about a page that is left. */
export function closeDialogs() {
  for (const one of document.querySelectorAll("dialog")) one.close();
}
addEventListener("submit", hush, true);
addEventListener("hashchange", () => {
  hush();
  closeDialogs();
});

/**
 * Asks in a dialog, and comes to what was typed, or to null. fields: elements with a name.
 * The button that does it says what it does. cancel: what the other one says, null for none. work:
 * does it with what was typed; what it says is wrong, or is refused, stays in the dialog with the
 * rest, to be mended. The dialog closes with its page; what it was doing then is done, and said.
 */
export function ask(title, text, fields, doIt, cancel, work = null) {
  return new Promise((settle) => {
    const button = make("button", { class: "main", value: "do" }, doIt);
    const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
    const waits = make("progress", { "aria-label": gettext("Loading"), hidden: true });
    const form = make("form", { method: "dialog", onsubmit: (event) => work !== null && attempt(event) });
    const dialog = make("dialog", { "aria-labelledby": "asked" }, form);
    fill(
      form,
      make("h2", { id: "asked" }, title),
      text === null ? null : make("p", {}, text),
      fields,
      wrong,
      waits,
      make(
        "div",
        { class: "buttons" },
        cancel === null ? null : make("button", { type: "button", onclick: () => dialog.close() }, cancel),
        button,
      ),
    );
    let working = false;
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (!working) settle(dialog.returnValue === "do" ? typed() : null);
    });
    document.body.append(dialog);
    dialog.showModal();

    function typed() {
      return Object.fromEntries(new FormData(form));
    }
    async function attempt(event) {
      event.preventDefault();
      working = button.disabled = true;
      waits.hidden = false;
      wrong.hidden = true;
      let said;
      try {
        said = await attempted();
      } catch (error) {
        if (!dialog.isConnected) settle(null);
        throw error;
      } finally {
        working = button.disabled = false;
        waits.hidden = true;
      }
      if (!dialog.isConnected) {
        if (said !== null) tell(said, "wrong");
        settle(said === null ? typed() : null);
      } else if (said === null) dialog.close("do");
      else fill(wrong, said).hidden = false;
    }
    async function attempted() {
      try {
        return (await work(typed())) ?? null;
      } catch (error) {
        if (error instanceof RefusalError) return sentence(error);
        throw error;
      }
    }
  });
}

/**
 * Asks, does it with what was typed, says that it is done, and draws the page anew. work: comes to a
 * text, if what was typed is wrong. told: what is said then.
 */
export async function askToDo(title, text, fields, doIt, work, told, again) {
  const said = await ask(title, text, fields, doIt, gettext("Cancel"), async (typed) => {
    const wrong = await work(typed);
    return typeof wrong === "string" ? wrong : null;
  });
  if (said === null) return;
  tell(told);
  await attempt(again);
}

/** Does something; what is refused is said. button: not to be clicked meanwhile. Comes to whether it was
 * done. */
export async function attempt(work, button = {}) {
  button.disabled = true;
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    tell(sentence(error), "wrong");
    return false;
  } finally {
    button.disabled = false;
  }
}

/** Draws a place anew when the window becomes wide or narrow, for as long as it is in the window. */
export function whenWidthChanges(media, place, draw) {
  const change = () => (place.isConnected ? draw() : media.removeEventListener("change", change));
  media.addEventListener("change", change);
}
