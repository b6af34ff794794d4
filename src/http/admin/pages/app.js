// The dashboard without this is whole but for /live: here are refreshing, times, copying, keys and the live rows.
// What others chose enters a page as text only.
"use strict";

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

/** How long ago, in one unit. */
const ago = (at) => {
  const seconds = Math.max(0, Math.round((Date.now() - at) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
};

const tellTimes = (root = document) => {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.title = `${ago(at)} · ${at.toLocaleString()} here · ${time.dateTime}`;
  }
};

// Refreshing: what changes by itself is taken from the page as it is now, unless somebody reads, writes or opened something there.
const EVERY_MS = 5000;
let asking = null;

const isInUse = (region) =>
  region.contains(document.activeElement) || region.querySelector("details[open]") || !getSelection().isCollapsed;

const refresh = async () => {
  const regions = [...document.querySelectorAll("[data-live]")];
  if (document.hidden || asking || !regions.length) return;
  asking = new AbortController();
  try {
    const answer = await fetch(location.href, { signal: asking.signal, headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const region of regions) {
      const now = page.querySelector(`[data-live="${region.dataset.live}"]`);
      if (now && !isInUse(region) && now.innerHTML !== region.innerHTML) region.replaceWith(document.adoptNode(now));
    }
    tellTimes();
  } catch {
    // The next one comes in a moment.
  } finally {
    asking = null;
  }
};

addEventListener("pagehide", () => asking?.abort());

// Copying. A page over plain HTTP that is not of this machine has no clipboard to write to.
const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", { value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
};

for (const code of document.querySelectorAll("code.copy")) {
  const button = element("button", { type: "button", textContent: "copy" });
  button.addEventListener("click", async () => {
    await copy(code.textContent);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  code.after(" ", button);
}

// Keys: / finds, g and a letter goes.
const PLACES = { h: "./", a: "attention", o: "orders", e: "events", s: "sources", r: "rejected", l: "live" };
let isGoing = false;

addEventListener("keydown", (event) => {
  const isWriting = event.target.closest("input, select, textarea, [contenteditable]");
  if (isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isGoing && PLACES[event.key]) location.assign(new URL(PLACES[event.key], document.baseURI));
  isGoing = event.key === "g";
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector(".find input")?.focus();
  }
});

tellTimes();
setInterval(refresh, EVERY_MS);

// The live rows: one stream, which is let go while nobody looks.
const ROWS_MAX = 200;

const link = (kind, source, id) =>
  id ? element("a", { className: "id", href: `${kind}/${encodeURIComponent(source)}/${encodeURIComponent(id)}`, textContent: printable(id) }) : "–";

/** As the server shows it: what would make a row read otherwise is escaped. */
const printable = (text) =>
  text.replace(/[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

const cell = (label, content, className = "") => {
  const made = element("td", { className }, content);
  made.dataset.label = label;
  return made;
};

const liveRow = ({ at, source, event, type, order, outcome, reason, detail, status, took_ms: took }) => {
  const tone = { applied: "good", conflict: "bad", parked: "bad", dead: "bad", refused: "bad" }[outcome] ?? "plain";
  const why = [reason, detail].filter(Boolean).map(printable).join(": ");
  const answered = element("span", {}, `${status} `, element("span", { className: `word ${tone}`, textContent: outcome }));
  if (why) answered.append(" ", element("span", { className: "reason", textContent: why }));
  return element("tr", {},
    cell("time", element("time", { dateTime: at, textContent: at.slice(11, 19) })),
    cell("source", printable(source)), cell("event", link("events", source, event)), cell("type", printable(type ?? "–")),
    cell("answered", answered), cell("order", link("orders", source, order)), cell("took", `${took.toFixed(1)} ms`, "number"));
};

const watch = (rows) => {
  const [state, pause] = [document.getElementById("live-state"), document.getElementById("live-pause")];
  let [stream, isPaused, seen] = [null, false, 0];
  const say = (text) => { state.textContent = text; };
  const close = () => { stream?.close(); stream = null; };
  const open = () => {
    close();
    stream = new EventSource(rows.dataset.stream);
    stream.onopen = () => say(`Watching; ${seen} so far.`);
    stream.onerror = () => say(stream?.readyState === EventSource.CLOSED ? "Not connected: too many watch, or the session ended." : "Connecting again.");
    stream.onmessage = ({ data }) => {
      rows.prepend(liveRow(JSON.parse(data)));
      while (rows.rows.length > ROWS_MAX) rows.lastElementChild.remove();
      seen += 1;
      say(`Watching; ${seen} so far.`);
    };
    stream.addEventListener("missed", ({ data }) => say(`Watching; ${JSON.parse(data).missed} came too fast to be shown.`));
  };
  const tell = () => {
    pause.textContent = isPaused ? "Go on" : "Pause";
    if (isPaused || document.hidden) { close(); say("Paused."); } else { open(); }
  };
  pause.hidden = false;
  pause.addEventListener("click", () => { isPaused = !isPaused; tell(); });
  document.addEventListener("visibilitychange", tell);
  addEventListener("pagehide", close);
  tell();
};

const liveRows = document.getElementById("live-rows");
if (liveRows) watch(liveRows);
