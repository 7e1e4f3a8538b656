// People: who there is and what they may; an administrator changes it.

import { get, post } from "./api.js";
import { ask, askToDo, attempt, copy, field, make, newest, redraw, tell } from "./dom.js";
import { moment } from "./format.js";
import { say } from "./words.js";

/** What the server takes, too. */
const SHORT_NAME = /^[a-z0-9][a-z0-9._-]{0,39}$/;
const ROLES = ["shift_lead", "desk", "supervisor", "data_protection", "administrator"];

/** Everybody, and for an administrator what can be done. */
export async function showPeople({ main, me }) {
  const manages = me.roles.includes("administrator");
  const people = await newest(main, get("/api/people"));
  if (people === null) return;
  const again = () => showPeople({ main, me });
  redraw(
    main,
    make("h1", {}, say("people")),
    manages ? make("div", { class: "buttons" }, make("button", { class: "main", onclick: () => add(again) }, say("add_person"))) : null,
    make("ul", { class: "people" }, people.map((one) => drawPerson(one, manages && one.id !== me.id, again))),
  );
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
    make("p", {}, one.lost ? say("person_lost") : one.roles.map((role) => (ROLES.includes(role) ? say(`role_${role}`) : role)).join(" · ")),
    one.withdrawn_us === null
      ? make("p", { class: "hint" }, `${say("passkeys")}: ${one.passkeys.join(", ") || say("none")} · ${one.openid ? `${say("openid_connected")} · ` : ""}${say("sessions")}: ${one.sessions}`)
      : make("p", { class: "hint" }, `${say("withdrawn")}: ${moment(one.withdrawn_us)}`),
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
    make("legend", {}, say("roles")),
    ROLES.map((role) => make("label", { class: "check" }, make("input", { type: "checkbox", name: `role-${role}`, checked: chosen.includes(role) }), say(`role_${role}`))),
  );
}

function chosenRoles(said) {
  return ROLES.filter((role) => said[`role-${role}`] !== undefined);
}

async function add(again) {
  const fields = [
    field(say("person_id"), make("input", { name: "id", required: true, maxlength: 100, autocomplete: "off", autocapitalize: "none", spellcheck: false }), say("person_id_hint")),
    field(say("name"), make("input", { name: "name", required: true, maxlength: 200, autocomplete: "off" })),
    roleFields([]),
  ];
  let given = null;
  const said = await ask(say("add_person"), null, fields, say("add"), say("cancel"), async (typed) => {
    const wrong = SHORT_NAME.test(typed.id) ? needsRole(typed) : say("refused_bad_id");
    if (wrong === null) given = await post("/api/people/add", { id: typed.id, name: typed.name, roles: chosenRoles(typed) });
    return wrong;
  });
  if (said === null) return;
  await showLink(given);
  await attempt(again);
}

async function change(one, again) {
  const work = (typed) => needsRole(typed) ?? post("/api/people/roles", { id: one.id, roles: chosenRoles(typed) });
  await askToDo(say("change_roles"), one.name, [roleFields(one.roles)], say("save"), work, say("roles_changed", one), again);
}

async function withdraw(one, again) {
  await askToDo(say("withdraw"), say("withdraw_text", one), [], say("withdraw"), () => post("/api/people/withdraw", { id: one.id }), say("withdrawn_now", one), again);
}

async function signOutAll(one, again) {
  await attempt(async () => {
    await post("/api/people/sign-out", { id: one.id });
    tell(say("signed_out_all", one));
    await again();
  });
}

async function restore(one, again) {
  const text = say("restore_text", { name: one.name, roles: one.roles.map((role) => (ROLES.includes(role) ? say(`role_${role}_short`) : role)).join(", ") });
  await askToDo(`${say("restore")}: ${one.name}`, text, [], say("restore"), () => post("/api/people/restore", { id: one.id }), say("restored_now", one), again);
}

/** Who makes a link for somebody who has come in before: nobody of the desk, in whose name something may
 * have been done. */
async function explainLink({ id, name }) {
  const command = make("pre", { tabindex: 0 }, `sudo -u camerad-office /opt/camerad/bin/camerad office people link ${id} --config /etc/camerad-office/office.yaml`);
  await ask(`${say("lost_passkey")}: ${name}`, say("lost_passkey_text", { name }), [command, copier(command), make("p", {}, say("lost_passkey_stolen", { name }))], say("close"), null);
}

function copier(element) {
  return make("button", { type: "button", onclick: () => copy(element) }, say("copy"));
}

/** What is wrong where no role is chosen; null if one is. */
function needsRole(typed) {
  return chosenRoles(typed).length > 0 ? null : say("role_needed");
}

async function giveLink(one) {
  await attempt(async () => showLink(await post("/api/people/link", { id: one.id })));
}

async function showLink(given) {
  const address = `${location.origin}/#link=${given.link}`;
  const shown = make("textarea", { readonly: true, rows: 4, spellcheck: false, "aria-label": say("link_made", given), onfocus: () => shown.select() });
  shown.value = address;
  await ask(say("link_made", given), say("link_give"), [shown, copier(shown)], say("close"), null);
}
