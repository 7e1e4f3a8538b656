// Lists that come a page at a time: the first one of a question, and more of it by a button.

import { RefusalError } from "./api.js";
import { make, newest, tell } from "./dom.js";
import { gettext, sentence } from "./words.js";

export class PagedList {
  /** What is shown now. */
  rows = [];
  /** The mark of the next page; null if there is none. */
  next = null;
  /** What the rows answer: a form may say something else by the time that more of them are wanted. */
  #question = null;
  #begun = null;

  /** place: where the list stands. ask: comes to a page of a question, from a mark on (null: the first), with
   * `rows` and `next`. draw: is given each page that came, and whether it is a first one. fail: is told why
   * there is no first page; the rows of the question before are to go. */
  constructor(place, { ask, draw, fail }) {
    Object.assign(this, { place, ask, draw, fail });
    this.more = make("button", { class: "more", hidden: true, onclick: () => this.go() }, gettext("More"));
  }

  /** Asks something else. Until that is there, no more of what is shown is fetched, which would come instead.
   * Comes to whether it is shown. */
  async begin(question) {
    const mine = (this.#begun = {});
    this.more.disabled = true;
    try {
      return await this.#load(question, null);
    } finally {
      if (this.#begun === mine) this.more.disabled = false;
    }
  }

  /** Shows one page more. Comes to whether it did. */
  go() {
    return this.#load(this.#question, this.next);
  }

  /** Shows no row. */
  clear() {
    [this.rows, this.next, this.more.hidden] = [[], null, true];
  }

  async #load(question, mark) {
    let page;
    try {
      page = await newest(this.place, this.ask(question, mark));
    } catch (error) {
      if (!(error instanceof RefusalError) || error.why === "not_signed_in") throw error;
      if (mark === null) {
        this.clear();
        this.fail(sentence(error));
      }
      tell(sentence(error), "wrong");
      return false;
    }
    if (page === null) return false;
    this.rows = mark === null ? page.rows : [...this.rows, ...page.rows];
    [this.next, this.#question, this.more.hidden] = [page.next, question, page.next === null];
    this.draw(page, mark === null, question);
    return true;
  }
}
