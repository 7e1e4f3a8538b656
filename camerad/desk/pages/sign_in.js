// Coming in: by passkey, or with the link that makes the first one.

import { post, RefusedError } from "./api.js";
import { field, fill, make, tell } from "./dom.js";
import { say, sentence } from "./words.js";

/** The page of whoever is not signed in. */
export function showSignIn({ main, enter }) {
  document.title = `${say("sign_in")} – camerad`;
  const button = make("button", { class: "main large", onclick: () => attempt(button, signIn) }, say("sign_in"));
  fill(
    main,
    make(
      "section",
      { class: "card narrow" },
      make("h1", {}, say("sign_in")),
      make("p", {}, say("sign_in_text")),
      button,
      make("p", { class: "hint" }, say("sign_in_how")),
    ),
  );

  async function signIn() {
    const asked = await post("/api/sign-in/ask");
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
    const credential = await fromAuthenticator(() => navigator.credentials.get({ publicKey: options }));
    enter(await post("/api/sign-in", { answer: credential.toJSON() }));
  }
}

/** The page behind a one-time link. */
export async function showLink({ main, enter }, link) {
  document.title = `${say("sign_in")} – camerad`;
  // The secret is out of the address before anything else happens.
  history.replaceState(null, "", "/");
  let person = null;
  try {
    person = await post("/api/link/look", { link });
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    fill(main, make("section", { class: "card narrow" }, make("h1", {}, say("sign_in")), make("p", { role: "alert" }, sentence(error))));
    return;
  }
  const label = make("input", { name: "label", maxlength: 60, required: true, autocomplete: "off" });
  const enrolling = make("button", { class: "main" }, say("link_make"));
  const without = make("button", { type: "button", onclick: () => attempt(without, once) }, say("link_without"));
  const form = make(
    "form",
    { onsubmit: (event) => { event.preventDefault(); attempt(enrolling, enrol); } },
    field(say("passkey_label"), label, say("passkey_label_hint")),
    make("div", { class: "buttons" }, enrolling, without),
  );
  fill(main, make("section", { class: "card narrow" }, make("h1", {}, say("sign_in")), make("p", {}, say("link_text", person)), form));

  async function enrol() {
    const asked = await post("/api/link/ask", { link });
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(asked);
    const credential = await fromAuthenticator(() => navigator.credentials.create({ publicKey: options }));
    enter(await post("/api/link/enrol", { link, answer: credential.toJSON(), label: label.value }));
  }

  async function once() {
    enter(await post("/api/link/sign-in", { link }));
  }
}

/** What an authenticator answers. A person who declines is no mistake. */
async function fromAuthenticator(ask) {
  try {
    return await ask();
  } catch (error) {
    if (error.name === "NotAllowedError" || error.name === "AbortError") throw new RefusedError("cancelled", 0);
    throw new RefusedError("passkey", 0);
  }
}

async function attempt(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell(sentence(error), "wrong");
  } finally {
    button.disabled = false;
  }
}
