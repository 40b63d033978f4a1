// Live updates: one stream per page that says what to look at again; htmx then fetches that part of the page. Pages work without.
//
// An element says what it shows: data-live="store:ID", "stores" (any of them), "tenant", "tenant:ID", "platform" or "any", several with spaces
// between. On news of that it gets the event "live" (hx-trigger="live"), or the page is loaded anew (data-live-reload). While no stream can be
// had, those with data-live-poll="SECONDS" get it so often instead, and the page says that live updates are off.
(() => {
  "use strict";
  const state = document.getElementById("live-state");
  const shown = () => [...document.querySelectorAll("[data-live]")];
  if (!state || !shown().length) return;

  const AT_MOST_EVERY = 500; // milliseconds, per element
  const TOGETHER = 50; // news that come at once are one
  const CROWD = 2000; // what all pages hear at once they do not all ask for at once
  const PATIENCE = 5000;
  const KINDS = ["hello", "reset", "store", "tenant", "platform"];
  const asked = new Map(); // by the element's id, which outlives the element
  let source = null;
  let last = state.dataset.liveSince;
  let off = false;
  let back = false; // the tab was hidden: look once, whatever happened meanwhile
  let pause = 2000;
  let again, patience;

  const ask = (element, delay = TOGETHER) => {
    const known = asked.get(element.id) ?? { at: 0, timer: null };
    asked.set(element.id, known);
    if (known.timer) return;
    const rest = known.at + AT_MOST_EVERY - Date.now();
    known.timer = setTimeout(() => {
      known.timer = null;
      known.at = Date.now();
      const present = document.getElementById(element.id);
      if (document.hidden || !present?.dataset.live) return;
      if ("liveReload" in present.dataset) location.reload();
      else present.dispatchEvent(new CustomEvent("live"));
    }, Math.max(delay, rest));
  };
  const askAll = (delay) => shown().forEach((element) => ask(element, delay));

  const concerns = (element, kind, about) => element.dataset.live.split(/\s+/).some((word) =>
    word === "any" || word === kind || (word === "stores" && kind === "store") ||
    word === `store:${about.store}` || word === `tenant:${about.tenant}`);

  const heard = (event) => {
    if (event.lastEventId) last = event.lastEventId;
    if (event.type === "hello") {
      clearTimeout(patience);
      patience = null;
      pause = 2000;
      if (off || back) askAll();
      back = false;
      say(false);
    } else if (event.type === "reset") {
      askAll(Math.random() * CROWD);
    } else {
      const about = JSON.parse(event.data);
      const delay = event.type === "platform" ? Math.random() * CROWD : TOGETHER;
      shown().filter((element) => concerns(element, event.type, about)).forEach((element) => ask(element, delay));
    }
  };

  const failed = () => {
    if (source?.readyState !== EventSource.CLOSED) { // the browser tries again by itself
      patience ??= setTimeout(() => say(true), PATIENCE);
      return;
    }
    source = null;
    say(true);
    again = setTimeout(connect, pause * (0.75 + Math.random() / 2));
    pause = Math.min(pause * 2, 60000);
  };

  const connect = () => {
    clearTimeout(again);
    if (source || document.hidden) return;
    if (!state.dataset.liveStream) { say(true); return; }
    const address = new URL(state.dataset.liveStream, location.href);
    if (last) address.searchParams.set("since", last);
    source = new EventSource(address);
    KINDS.forEach((kind) => source.addEventListener(kind, heard));
    source.onerror = failed;
  };

  const leave = () => {
    clearTimeout(again);
    clearTimeout(patience);
    patience = null;
    source?.close();
    source = null;
    back = true;
  };

  const say = (isOff) => {
    if (isOff && back) { back = false; askAll(); }
    off = isOff;
    const polls = shown().some((element) => element.dataset.livePoll);
    const text = !off ? "" : polls ? "Live updates are off. This page looks again by itself." : "Live updates are off. Reload to see what is new.";
    if (state.textContent !== text) state.textContent = text;
  };

  setInterval(() => {
    if (!off || document.hidden) return;
    say(true);
    shown().forEach((element) => {
      const seconds = Number(element.dataset.livePoll);
      if (seconds && Date.now() - (asked.get(element.id)?.at ?? begun) >= seconds * 1000) ask(element);
    });
  }, 500);
  const begun = Date.now();

  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : connect()));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });

  // How long something has taken goes on between two looks: data-elapsed="SECONDS", as of the last one.
  const clocks = new WeakMap();
  setInterval(() => {
    document.querySelectorAll("[data-elapsed]").forEach((element) => {
      const then = element.dataset.elapsed;
      let clock = clocks.get(element);
      if (clock?.then !== then) clocks.set(element, clock = { then, since: Date.now() });
      const seconds = Math.floor(Number(then) + (Date.now() - clock.since) / 1000);
      if (seconds > 0 && seconds < 3600) element.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    });
  }, 1000);

  // What somebody unfolded stays so when the part around it is fetched again.
  let unfolded = [];
  document.addEventListener("htmx:before:swap", () => {
    unfolded = [...document.querySelectorAll("[data-live] details[open][id]")].map((details) => details.id);
  });
  document.addEventListener("htmx:after:swap", () => {
    unfolded.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
  });

  connect();
})();
