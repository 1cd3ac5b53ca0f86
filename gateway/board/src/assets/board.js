// Theme, ticking minutes, and the event stream of a board. Figures come from the server only; this script moves time.
"use strict";
(() => {
  const root = document.documentElement;
  const store = (key, value) => {
    try { return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value); } catch { return null; }
  };
  if (!root.dataset.theme) {
    const kept = store("theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  }
  addEventListener("keydown", event => {
    if (event.key !== "t" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme:dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    store("theme", root.dataset.theme);
  });
  addEventListener("DOMContentLoaded", start);

  const BEAT = 10_000, STALE = 25_000, OLD = 15_000, SORT = 30_000, PAUSE = 1_000, HALF = 26;
  const byId = id => document.getElementById(id);
  // The site's clock: `now` at the moment of `at`, running at `rate`.
  const clock = { now: 0, rate: 1, offset: 0, at: 0 };
  let heard = 0, connected = false, sideAt = -SORT, side = null;

  const siteNow = () => clock.now + (performance.now() - clock.at) * clock.rate;
  const hhmm = ms => new Date(ms + clock.offset).toISOString().slice(11, 16);

  function start() {
    const check = document.querySelector("[data-row]");
    if (check) follow(check.dataset.row);
    const board = document.querySelector(".board");
    if (!board) return;
    setClock({ now: +board.dataset.now, rate: +board.dataset.rate, offset: +board.dataset.offset });
    heard = performance.now();
    document.addEventListener("click", event => {
      if (event.target.matches("[data-more]")) byId("side").classList.toggle("more");
    });
    const source = new EventSource(document.body.dataset.live);
    for (const name of ["snapshot", "change", "beat"]) {
      source.addEventListener(name, event => receive(JSON.parse(event.data), name === "snapshot"));
    }
    source.addEventListener("error", () => {
      connected = false;
      // A refused stream (a restart behind a proxy) ends for good: begin a new page instead.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), BEAT);
    });
    setInterval(tick, 1000);
    addEventListener("resize", fit);
    tick();
    fit();
  }

  // The check of a list has no figures of its own in the stream: when the row of its room has changed, it is fetched anew.
  function follow(row) {
    const source = new EventSource(document.body.dataset.live);
    let drawing = false, due = false;
    const draw = async () => {
      due = true;
      if (drawing) return;
      drawing = true;
      while (due) {
        due = false;
        try {
          const answer = await fetch(location.href);
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const check = page.getElementById("check");
          if (answer.ok && check) replace("check", check.outerHTML);
        } catch { /* The stream begins with a snapshot once the server is back. */ }
        await new Promise(again => setTimeout(again, PAUSE));
      }
      drawing = false;
    };
    source.addEventListener("snapshot", draw);
    source.addEventListener("change", event => {
      if (JSON.parse(event.data).parts.some(([id]) => id === row)) draw();
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), BEAT);
    });
  }

  function setClock(time) { Object.assign(clock, time, { at: performance.now() }); }

  function receive(message, isSnapshot) {
    setClock({ now: message.now, rate: message.rate, offset: message.offset });
    heard = performance.now();
    connected = true;
    if (root.classList.contains("stale") && !isSnapshot) root.classList.remove("stale");
    for (const [id, html] of message.parts || []) {
      if (id === "side" && !isSnapshot) side = html; else replace(id, html);
    }
    if (isSnapshot) { side = null; sideAt = performance.now(); root.classList.remove("stale"); }
    tick();
    if (isSnapshot) fit();
  }

  // Replaces an element, keeping the focus and what the reader has unfolded.
  function replace(id, html) {
    const old = byId(id);
    if (!old || old.outerHTML === html) return;
    const links = element => [...element.querySelectorAll("a,button,summary")];
    const focus = old.contains(document.activeElement) ? links(old).indexOf(document.activeElement) : -1;
    const open = [...old.querySelectorAll("details[open]")].map(details => details.dataset.keep);
    const more = old.classList.contains("more");
    old.outerHTML = html;
    const fresh = byId(id);
    for (const details of fresh.querySelectorAll("details")) details.open = open.includes(details.dataset.keep);
    if (more) fresh.classList.add("more");
    if (focus >= 0) (links(fresh)[focus] || fresh).focus({ preventScroll: true });
  }

  function tick() {
    const now = siteNow(), mono = performance.now(), age = Math.max(0, Math.floor((mono - heard) / 1000));
    setText(byId("clock"), hhmm(now));
    // The list of what needs attention changes its order at most every half minute of the site's time.
    if (side !== null && mono - sideAt >= SORT / Math.max(1, Math.min(clock.rate, 15))) {
      replace("side", side);
      side = null;
      sideAt = mono;
    }
    const stale = mono - heard > STALE;
    setText(byId("live-word"), stale ? "No data" : connected ? "Live" : "Waiting");
    const ageText = byId("age");
    setText(ageText, stale ? " since " + hhmm(clock.now) : `, data ${age} s old`);
    ageText.classList.toggle("old", mono - heard > OLD);
    if (stale) { goStale(); return; }
    for (const element of document.querySelectorAll("[data-since]")) {
      setText(element, String(Math.max(0, Math.floor((now - element.dataset.since) / 60000))));
    }
    for (const element of document.querySelectorAll("[data-until]")) {
      const left = Math.floor((element.dataset.until - now) / 60000);
      setText(element, String(Math.max(0, Math.min(left, +element.dataset.most))));
    }
    moveNow(now);
  }

  function setText(element, text) { if (element && element.textContent !== text) element.textContent = text; }

  function moveNow(now) {
    const rooms = byId("rooms");
    const x = 100 * (now - rooms.dataset.from) / (rooms.dataset.to - rooms.dataset.from);
    if (!(x >= 0 && x <= 100)) return;
    for (const line of rooms.querySelectorAll("line.now")) { line.setAttribute("x1", x + "%"); line.setAttribute("x2", x + "%"); }
    const label = rooms.querySelector(".now-label");
    if (!label) return;
    label.setAttribute("x", x + "%");
    setText(label.querySelector("text"), hhmm(now));
    // No edge cuts the label, and it hides the hours that it would stand on.
    const axis = label.ownerSVGElement, width = axis.getBoundingClientRect().width, at = width * x / 100;
    const shift = Math.max(0, HALF - at) - Math.max(0, at + HALF - width);
    label.firstElementChild.setAttribute("transform", `translate(${shift})`);
    for (const hour of axis.querySelectorAll(":scope > text")) {
      const away = Math.abs(width * parseFloat(hour.getAttribute("x")) / 100 - at - shift);
      hour.classList.toggle("under", away < HALF + 12);
    }
  }

  // Two missed signs of life: nothing on the page may pass for the present.
  function goStale() {
    if (root.classList.contains("stale")) return;
    root.classList.add("stale");
    const since = "no data since " + hhmm(clock.now);
    for (const row of document.querySelectorAll(".row")) {
      row.setAttribute("aria-label", row.getAttribute("aria-label").split(":")[0] + ": unknown, " + since);
      setText(row.querySelector(".w > span"), "Unknown");
      setText(row.querySelector(".state .d"), since);
    }
  }

  // A wall has no scroll bar: all rows are made to fit.
  function fit() {
    if (!document.body.classList.contains("kiosk")) return;
    const board = document.querySelector(".board");
    document.body.style.zoom = "1";
    const tall = [...board.querySelectorAll(".head,.rooms,.foot")].reduce((sum, part) => sum + part.scrollHeight, 0);
    // Larger too, as long as the columns keep their width: few rooms read from further away.
    const wide = Math.max(1, innerWidth / 1700);
    const zoom = Math.max(0.4, Math.min(wide, innerHeight / tall));
    document.body.style.zoom = String(zoom);
    board.style.height = innerHeight / zoom + "px";
  }
})();
