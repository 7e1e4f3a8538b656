// Reports this tab's verdict on a recording to the ledger, in the name of the person signed in, so
// that the next person sees it. The server did not see it, and never says it as if it had.

import { post, RefusalError } from "../api.js";
import { tell } from "../dom.js";
import { sentence } from "../words.js";
import { gettext } from "./maker_words.js";

/**
 * @param {string} id @param {Record<string, string>} headers of what was granted
 * @param {any} verdict of the judge @param {string} key thumbprint of the key that it went by
 */
export async function noteVerdict(id, headers, { verdict, report }, key) {
  const said = { verdict, key, final: report.result?.final ?? "" };
  try {
    await post(`/api/recordings/${encodeURIComponent(id)}/verdict`, said, headers);
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    tell(`${gettext("What this tab found is not in the ledger:")} ${sentence(error)}`, "wrong");
  }
}
