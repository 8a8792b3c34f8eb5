/** The address of a view: `#/live?ch=logs&q=level>=warning&at=EPOCH:OFFSET`. Whatever a reader chose can be sent on. */

/** @returns {{page: string, params: URLSearchParams}} */
export function readUrl({ hash, search } = location) {
  const [, page = "", query = ""] = /^#\/?([\w-]*)(?:\?(.*))?$/s.exec(hash) ?? [];
  const params = new URLSearchParams(query);
  // `?channel=logs` before the hash names channels, too: it is easier to type.
  if (!params.has("ch")) for (const name of new URLSearchParams(search).getAll("channel")) params.append("ch", name);
  return { page: page || "live", params };
}

/** Put these into the address, without a new entry in the history; null or "" takes one away. */
export function writeUrl(changes) {
  const { page, params } = readUrl();
  for (const [name, value] of Object.entries(changes)) {
    params.delete(name);
    for (const each of [value].flat()) if (each !== null && each !== "" && each !== undefined) params.append(name, each);
  }
  const hash = toHash(page, params);
  if (hash !== location.hash) history.replaceState(history.state, "", location.pathname + hash);
}

export function toHash(page, params) {
  const query = params.toString();
  return `#/${page}${query ? `?${query}` : ""}`;
}

/** The address of one publication, or of all up to another one, as something to send on. */
export function linkTo({ channel, epoch, offset }, to = offset) {
  const { params } = readUrl();
  const link = new URLSearchParams({ ch: channel, at: `${epoch}:${offset}${to === offset ? "" : `-${to}`}` });
  if (params.get("q")) link.set("q", params.get("q"));
  return new URL(toHash("live", link), location.href).href;
}
