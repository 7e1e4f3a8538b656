// Coming in: by passkey, by the city's account, or with the link that makes the first one.

import { get, post, RefusedError } from "./api.js";
import { field, fill, make, tell } from "./dom.js";
import { say, sentence } from "./words.js";

/** The page of whoever is not signed in. why: they are no longer; null if they were not. */
export async function showSignIn({ main, enter }, why) {
  const label = await accountLabel();
  const byAccount = make("button", { class: "large", onclick: () => attempt(byAccount, () => leaveFor("")) }, say("openid_sign_in", { label }));
  const button = make("button", { class: "main large", onclick: () => attempt(button, signIn) }, say("sign_in"));
  fill(
    main,
    make(
      "section",
      { class: "card narrow" },
      make("h1", {}, say("sign_in")),
      why === null ? null : make("p", { role: "status" }, why),
      make("p", {}, say("sign_in_text")),
      make("div", { class: "buttons" }, button, label === null ? null : byAccount),
      make("p", { class: "hint" }, say("sign_in_how")),
    ),
  );

  async function signIn() {
    const asked = await post("/api/sign-in/ask");
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
    const credential = await fromAuthenticator(() => navigator.credentials.get({ publicKey: options }), "no_passkey");
    enter(await post("/api/sign-in", { answer: credential.toJSON() }));
  }
}

/** Whoever comes back from the city's provider. said: the address's question, which it is out of. */
export async function finishOpenid({ main, enter, show }, said) {
  fill(main, make("section", { class: "card narrow" }, make("h1", {}, say("sign_in")), make("p", {}, say("openid_checking"))));
  const given = new URLSearchParams(said);
  const body = { state: given.get("state") ?? "", code: given.get("code") ?? "", error: given.get("error") ?? "", iss: given.get("iss") };
  try {
    enter(await post("/api/openid/sign-in", body));
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    await show();
    tell(sentence(error), "wrong");
  }
}

/** What people call the city's account; null if nobody signs in by it, or that is not known now. */
async function accountLabel() {
  try {
    return (await get("/api/openid")).label;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return null;
  }
}

/** Goes to the city's provider. link: whose person connects their account; "" to sign in. */
async function leaveFor(link) {
  const { address } = await post("/api/openid/ask", { link });
  location.assign(address);
}

/** The page behind a one-time link. me: who is signed in meanwhile, and stays so if it is good no more. */
export async function showLink({ main, me, enter, show }, link) {
  // The secret is out of the address before anything else happens.
  history.replaceState(null, "", "/");
  let person = null;
  try {
    person = await post("/api/link/look", { link });
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    if (me !== null) {
      await show();
      tell(`${sentence(error)} ${say("link_signed_in", me)}`, "wrong");
      return;
    }
    fill(main, make("section", { class: "card narrow" }, make("h1", {}, say("sign_in")), make("p", { role: "alert" }, sentence(error)), make("button", { class: "main", onclick: () => show() }, say("link_sign_in"))));
    return;
  }
  const account = await accountLabel();
  const label = make("input", { name: "label", value: say("passkey_label_first"), maxlength: 60, required: true, autocomplete: "off" });
  const enrolling = make("button", { class: "main" }, say("link_make"));
  const without = make("button", { type: "button", onclick: () => attempt(without, once) }, say("link_without"));
  const connecting = make("button", { type: "button", onclick: () => attempt(connecting, () => leaveFor(link)) }, say("openid_connect", { label: account }));
  const mayConnect = account !== null && !person.roles.includes("administrator");
  const form = make(
    "form",
    { onsubmit: (event) => { event.preventDefault(); attempt(enrolling, enrol); } },
    field(say("passkey_label"), label),
    make("div", { class: "buttons" }, enrolling, mayConnect ? connecting : null, without),
    mayConnect ? make("p", { class: "hint" }, say("openid_connect_text", { label: account })) : null,
  );
  fill(main, make("section", { class: "card narrow" }, make("h1", {}, say("sign_in")), make("p", {}, say("link_text", person)), me === null || me.id === person.id ? null : make("p", { class: "wrong" }, say("link_instead", me)), form));

  async function enrol() {
    const asked = await post("/api/link/ask", { link });
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(asked);
    const credential = await fromAuthenticator(() => navigator.credentials.create({ publicKey: options }), "cancelled");
    enter(await post("/api/link/enrol", { link, answer: credential.toJSON(), label: label.value }));
  }

  async function once() {
    enter(await post("/api/link/sign-in", { link }));
  }
}

/** What an authenticator answers. declined: what it is where a person declines, which is no mistake. */
async function fromAuthenticator(ask, declined) {
  try {
    return await ask();
  } catch (error) {
    if (error.name === "NotAllowedError" || error.name === "AbortError") throw new RefusedError(declined, 0);
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
