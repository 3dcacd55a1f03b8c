// The address of the page holds the replay it shows: `?replay=2013-10-07T13:30Z&speed=60&symbol=SPY`.

const OWN = ["replay", "speed", "symbols", "room", "from", "to"];

const iso = (/** @type {number} */ ms) => new Date(ms).toISOString().replace(/(:00)?\.000Z$/, "Z");

/** Does the address hold a replay? */
export const addressed = () => new URLSearchParams(location.search).has("replay");

/** The request that opens what the address holds. */
export function held() {
  const asked = new URLSearchParams(location.search);
  const symbols = asked.get("symbols") ?? asked.get("symbol") ?? "";
  const open = { symbols: symbols.split(","), at: asked.get("replay"), speed: asked.get("speed") ?? 1 };
  for (const edge of ["from", "to"]) if (asked.has(edge)) open[edge] = asked.get(edge);
  return { open };
}

/**
 * Let the address hold the replay as it stands.
 * @param {import("./replay.js").Told} told
 * @param {boolean} opened just now: a new entry in the browser's history
 */
export function keep(told, opened) {
  const address = new URL(location.href);
  const search = address.searchParams;
  const before = search.has("replay");
  for (const name of OWN) search.delete(name);
  search.set("replay", iso(told.clock));
  search.set("speed", String(told.speed));
  if (told.instruments.length > 1) search.set("symbols", told.instruments.map(({ symbol }) => symbol).join(","));
  if (told.ranged) {
    search.set("from", iso(told.from));
    search.set("to", iso(told.to));
  }
  search.set("room", told.room);
  const text = address.href.replaceAll("%3A", ":").replaceAll("%2C", ",");
  history[opened && !before ? "pushState" : "replaceState"](null, "", text);
}

/** The page shows the live market again. */
export function forget() {
  const address = new URL(location.href);
  if (!address.searchParams.has("replay")) return;
  for (const name of OWN) address.searchParams.delete(name);
  history.pushState(null, "", address);
}
