// People: who there is and what they may; an administrator changes it.

import { get, post } from "./api.js";
import { ask, askToDo, attempt, copy, field, make, tell } from "./dom.js";
import { moment } from "./format.js";
import { N_, gettext, sayFrom } from "./words.js";

/** The texts for keys. */
const say = sayFrom({
  new_link: N_("New link"),
  lost_passkey: N_("Lost passkey"),
  withdraw: N_("Withdraw"),
  restore: N_("Restore"),
  change_roles: N_("Change roles"),
  sign_out_all: N_("Sign out everywhere"),
});

/** What the server takes, too. */
const SHORT_NAME = /^[a-z0-9][a-z0-9._-]{0,39}$/;
const ROLES = ["shift_lead", "desk", "supervisor", "data_protection", "administrator"];

/** Everybody, and for an administrator what can be done. */
export async function showPeople({ me, again }) {
  const manages = me.roles.includes("administrator");
  const people = await get("/api/people");
  return [
    make("h1", {}, gettext("People")),
    manages ? make("div", { class: "buttons" }, make("button", { class: "main", onclick: () => add(again) }, gettext("Add a person"))) : null,
    make("ul", { class: "people" }, people.map((one) => drawPerson(one, manages && one.id !== me.id, again))),
  ];
}

function drawPerson(one, manages, again) {
  const buttons = one.lost && one.withdrawn_us === null
    ? [button("change_roles", () => change(one, again)), button("withdraw", () => withdraw(one, again))]
    : one.withdrawn_us === null
    ? [
        one.is_new ? button("new_link", () => giveLink(one)) : button("lost_passkey", () => explainLink(one)),
        button("change_roles", () => change(one, again)),
        one.sessions > 0 ? button("sign_out_all", () => signOutAll(one, again)) : null,
        button("withdraw", () => withdraw(one, again)),
      ]
    : [button("restore", () => restore(one, again))];
  return make(
    "li",
    { class: "card" },
    make("h2", {}, one.name, " ", make("small", {}, one.id)),
    make("p", {}, one.lost ? gettext("What this person may cannot be read any more, so they cannot sign in. Choose their roles anew, or withdraw them. The server's log says what is damaged.") : one.roles.map((role) => (ROLES.includes(role) ? say(`role_${role}`) : role)).join(" · ")),
    one.withdrawn_us === null
      ? make("p", { class: "hint" }, `${gettext("Passkeys")}: ${one.passkeys.join(", ") || gettext("none")} · ${one.openid ? `${gettext("account connected")} · ` : ""}${gettext("Open sessions")}: ${one.sessions}`)
      : make("p", { class: "hint" }, `${gettext("withdrawn")}: ${moment(one.withdrawn_us)}`),
    manages ? make("div", { class: "buttons" }, buttons) : null,
  );
}

function button(key, work) {
  return make("button", { onclick: work }, say(key));
}

function roleFields(chosen) {
  return make(
    "fieldset",
    {},
    make("legend", {}, gettext("Roles")),
    ROLES.map((role) => make("label", { class: "check" }, make("input", { type: "checkbox", name: `role-${role}`, checked: chosen.includes(role) }), say(`role_${role}`))),
  );
}

function chosenRoles(said) {
  return ROLES.filter((role) => said[`role-${role}`] !== undefined);
}

async function add(again) {
  const fields = [
    field(gettext("Short name"), make("input", { name: "id", required: true, maxlength: 100, autocomplete: "off", autocapitalize: "none", spellcheck: false }), gettext("As the ledger names them, for good. Such as m.meier")),
    field(gettext("Name"), make("input", { name: "name", required: true, maxlength: 200, autocomplete: "off" })),
    roleFields([]),
  ];
  let given = null;
  const said = await ask(gettext("Add a person"), null, fields, gettext("Add"), gettext("Cancel"), async (typed) => {
    const wrong = SHORT_NAME.test(typed.id) ? needsRole(typed) : gettext("A short name has up to 40 of a-z, 0-9, dot and dash, and a name is one line.");
    if (wrong === null) given = await post("/api/people/add", { id: typed.id, name: typed.name, roles: chosenRoles(typed) });
    return wrong;
  });
  if (said === null) return;
  await showLink(given);
  await attempt(again);
}

async function change(one, again) {
  const work = (typed) => needsRole(typed) ?? post("/api/people/roles", { id: one.id, roles: chosenRoles(typed) });
  await askToDo(gettext("Change roles"), one.name, [roleFields(one.roles)], gettext("Save"), work, gettext("The roles of {name} are changed.", one), again);
}

async function withdraw(one, again) {
  await askToDo(gettext("Withdraw"), gettext("{name} is signed out everywhere and cannot sign in any more.", one), [], gettext("Withdraw"), () => post("/api/people/withdraw", { id: one.id }), gettext("{name} has no access any more.", one), again);
}

async function signOutAll(one, again) {
  await attempt(async () => {
    await post("/api/people/sign-out", { id: one.id });
    tell(gettext("{name} is signed out everywhere.", one));
    await again();
  });
}

async function restore(one, again) {
  const text = gettext("{name} may sign in again, with the roles: {roles}. Former passkeys and a connected account count no more. The server's operator makes the link for a new passkey.", { name: one.name, roles: one.roles.map((role) => (ROLES.includes(role) ? say(`role_${role}_short`) : role)).join(", ") });
  await askToDo(`${gettext("Restore")}: ${one.name}`, text, [], gettext("Restore"), () => post("/api/people/restore", { id: one.id }), gettext("{name} has access again, and needs a link.", one), again);
}

/** Says who makes a link for a person who has come in before: the server's operator, and no one at the
 * desk, who could act in that person's name. */
async function explainLink({ id, name }) {
  const command = make("pre", { tabindex: 0 }, `sudo -u camerad-office /opt/camerad/bin/camerad office people link ${id} --config /etc/camerad-office/office.yaml`);
  await ask(`${gettext("Lost passkey")}: ${name}`, gettext("{name} has come in before. So the server's operator makes a new link: with one of yours an administrator could act in the name of {name}. Pass this command on, and have the link given to {name} alone.", { name }), [command, copier(command), make("p", {}, gettext("Was the device with the passkey stolen? First withdraw the access of {name}, and restore it: no former passkey counts after that.", { name }))], gettext("Close"), null);
}

function copier(element) {
  return make("button", { type: "button", onclick: () => copy(element) }, gettext("Copy"));
}

/** What is wrong where no role is chosen; null if one is. */
function needsRole(typed) {
  return chosenRoles(typed).length > 0 ? null : gettext("Choose a role at least.");
}

async function giveLink(one) {
  await attempt(async () => showLink(await post("/api/people/link", { id: one.id })));
}

async function showLink(given) {
  const address = `${location.origin}/#link=${given.link}`;
  const shown = make("textarea", { readonly: true, rows: 4, spellcheck: false, "aria-label": gettext("Link for {id}", given), onfocus: () => shown.select() });
  shown.value = address;
  await ask(gettext("Link for {id}", given), gettext("Give it to this person alone. It is good once, for 72 hours, and is not shown again."), [shown, copier(shown)], gettext("Close"), null);
}
