// Coming in: by passkey, by the city's account, or with the link that makes the first one.

import { get, post, RefusalError } from "./api.js";
import { attempt, field, make, tell } from "./dom.js";
import { gettext, sentence } from "./words.js";

/** The page for a person who is not signed in. why: they are no longer; null if they were not. */
export async function showSignIn({ enter }, why) {
  const label = await accountLabel();
  const byAccount = make("button", { class: "large", onclick: () => attempt(() => leaveFor(""), byAccount) }, gettext("Sign in with: {label}", { label }));
  const button = make("button", { class: "main large", onclick: () => attempt(signIn, button) }, gettext("Sign in"));
  return card(
    why === null ? null : make("p", { role: "status" }, why),
    make("p", {}, gettext("With the passkey of this computer, of your phone, or of a security key.")),
    make("div", { class: "buttons" }, button, label === null ? null : byAccount),
    make("p", { class: "hint" }, gettext("No passkey yet? An administrator gives you a link. Lost your passkey? Tell an administrator.")),
  );

  async function signIn() {
    const asked = await post("/api/sign-in/ask");
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
    const credential = await fromAuthenticator(() => navigator.credentials.get({ publicKey: options }), "no_passkey");
    enter(await post("/api/sign-in", { answer: credential.toJSON() }));
  }
}

/** What is shown while a person comes back from the city's provider. */
export function waitForAccount() {
  return card(make("p", {}, gettext("Your account is being checked.")));
}

/** Goes on with that person. said: the address's question, which it is out of. */
export async function finishOpenid(enter, said) {
  const given = new URLSearchParams(said);
  const body = { state: given.get("state") ?? "", code: given.get("code") ?? "", error: given.get("error") ?? "", iss: given.get("iss") };
  enter(await post("/api/openid/sign-in", body));
}

function card(...parts) {
  return [make("section", { class: "card narrow" }, make("h1", {}, gettext("Sign in")), parts)];
}

/** What people call the city's account; null if the desk does not use it, or that is not known now. */
async function accountLabel() {
  try {
    return (await get("/api/openid")).label;
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    return null;
  }
}

/** Goes to the city's provider. link: whose person connects their account; "" to sign in. */
async function leaveFor(link) {
  const { address } = await post("/api/openid/ask", { link });
  location.assign(address);
}

/** The page behind a one-time link. me: who is signed in meanwhile, and stays so if it is good no more. */
export async function showLink({ me, enter, show }, link) {
  // The secret is out of the address before anything else happens.
  history.replaceState(null, "", "/");
  let person = null;
  try {
    person = await post("/api/link/look", { link });
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    if (me !== null) {
      await show();
      tell(`${sentence(error)} ${gettext("You stay signed in, as {name}.", me)}`, "wrong");
      return null;
    }
    return card(make("p", { role: "alert" }, sentence(error)), make("button", { class: "main", onclick: () => show() }, gettext("Have a passkey? Sign in")));
  }
  const account = await accountLabel();
  const label = make("input", { name: "label", value: gettext("Office computer"), maxlength: 60, required: true, autocomplete: "off" });
  const enrolling = make("button", { class: "main" }, gettext("Make a passkey and sign in"));
  const without = make("button", { type: "button", onclick: () => attempt(once, without) }, gettext("Sign in once without a passkey"));
  const connecting = make("button", { type: "button", onclick: () => attempt(() => leaveFor(link), connecting) }, gettext("Connect and sign in with: {label}", { label: account }));
  const mayConnect = account !== null && !person.roles.includes("administrator");
  const form = make(
    "form",
    { onsubmit: (event) => { event.preventDefault(); attempt(enrol, enrolling); } },
    field(gettext("Name of the passkey"), label),
    make("div", { class: "buttons" }, enrolling, mayConnect ? connecting : null, without),
    mayConnect ? make("p", { class: "hint" }, gettext("From then on you sign in with {label}. It has to be your own account: each person who can use it can act here in your name.", { label: account })) : null,
  );
  return card(
    make("p", {}, gettext("This link is for {name} ({id}), and good once. Make a passkey now. It lets this computer know you, by fingerprint or PIN instead of a password.", person)),
    me === null || me.id === person.id ? null : make("p", { class: "wrong" }, gettext("{name} is signed in here just now. Using the link signs {name} out on this computer.", me)),
    form,
  );

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
    if (error.name === "NotAllowedError" || error.name === "AbortError") throw new RefusalError(declined, 0);
    throw new RefusalError("passkey", 0);
  }
}
