// Looks words up by names that come from elsewhere: a file or a server.

/**
 * What a table has for a key; `otherwise` if it has nothing itself, whatever every object has.
 * @template T
 * @param {Record<string, T>} table @param {string} key @param {T} [otherwise] the key if left out
 * @returns {T}
 */
export function wordFor(table, key, otherwise = /** @type {any} */ (key)) {
  return Object.hasOwn(table, key) ? table[key] : otherwise;
}
