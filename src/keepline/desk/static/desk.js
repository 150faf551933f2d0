// The page's own part: it says when the feed is silent, with the age of what is shown, and draws the chart.
// Times of silence are measured here, so a desk that is stopped, dead or cut off cannot leave old green standing.
"use strict";
(() => {
  const SILENT_MS = 2200; // the desk sends something every second
  const ANEW_EVERY_MS = 4000;
  const body = document.body;
  const stale = document.getElementById("stale");
  const staleAge = document.getElementById("stale-age");
  const staleAt = document.getElementById("stale-at");
  const feedText = document.getElementById("feed-text");
  const isFollowing = () => document.querySelector("#live:not([data-still])") !== null;
  let heardMs = Date.now();
  let saidAt = Number(body.dataset.at);
  let anewMs = Date.now();
  let connection = null;
  let aheadS = 0; // the node's clock, of this one

  const clock = (atS) => new Date(atS * 1000).toLocaleTimeString("en-GB");
  const age = (s) => (s < 90 ? `${Math.round(s)} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`);

  function heard(atS) {
    heardMs = Date.now();
    saidAt = atS || saidAt;
    show();
  }

  function show() {
    const silentMs = Date.now() - heardMs;
    const isStale = isFollowing() && silentMs > SILENT_MS;
    if (stale.hidden === isStale) {
      stale.hidden = !isStale;
      body.classList.toggle("is-stale", isStale);
      staleAt.textContent = clock(saidAt);
    }
    if (isStale) {
      staleAge.textContent = ` for ${age(silentMs / 1000)}`;
      feedText.textContent = `silent for ${age(silentMs / 1000)}`;
    } else {
      feedText.textContent = isFollowing() ? `live ${clock(saidAt)}` : `as of ${clock(saidAt)}`;
    }
    for (const each of document.querySelectorAll(".age[data-since]")) {
      each.textContent = `, for ${age(Math.max(0, saidAt + silentMs / 1000 - Number(each.dataset.since)))}`;
    }
  }

  // A connection that a cut network left half open is never told of, and one that never came about is not tried
  // again by the library: both are begun anew.
  function anew() {
    if (Date.now() - heardMs < ANEW_EVERY_MS || Date.now() - anewMs < ANEW_EVERY_MS) return;
    anewMs = Date.now();
    const live = document.getElementById("live");
    const address = live && live.getAttribute("hx-sse:connect");
    if (connection && connection.reader) connection.reader.cancel();
    else if (!connection && address) htmx.ajax("GET", address, { source: live, timeout: ANEW_EVERY_MS - 500 });
  }

  document.addEventListener("htmx:sse:after:connection", (event) => { connection = event.detail.connection; });
  document.addEventListener("htmx:sse:close", () => { connection = null; });
  document.addEventListener("htmx:sse:before:message", (event) => {
    const said = event.detail.message;
    if (said.event === "alarm") {
      const glass = document.getElementById("glass");
      glass.textContent = JSON.parse(said.data).says;
      glass.hidden = !glass.textContent;
    }
    if (said.event === "beat") aheadS = JSON.parse(said.data).at - Date.now() / 1000;
    heard(Date.now() / 1000 + aheadS);
  });
  document.addEventListener("visibilitychange", show);
  setInterval(() => { show(); anew(); }, 250);

  // What comes over the stream is the same for everybody: whoever sends a form of it adds the page's own proof.
  document.addEventListener("submit", (event) => {
    const proof = event.target.querySelector('input[name="csrf"]');
    if (proof && body.dataset.csrf) proof.value = body.dataset.csrf;
  });

  // Keys: "/" goes to the search, "n" to Now, "c" to the calls.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) return;
    if (event.key === "n") location.assign("/");
    if (event.key === "c") location.assign("/calls");
    if (event.key === "/") {
      const search = document.getElementById("q");
      event.preventDefault();
      if (search) search.focus(); else location.assign("/calls#q");
    }
  });
  if (location.hash === "#q") document.getElementById("q")?.focus();

  // The chart -------------------------------------------------------------------------------------------------------
  let plot = null;
  let drawnFrom = "";
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function series(label, stroke, more) {
    return { label, stroke: () => colour(stroke), width: 2, points: { show: false }, ...more };
  }

  function axis(more) {
    return {
      stroke: () => colour("--quiet"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false },
      font: "12px system-ui", ...more,
    };
  }

  function drawChart() {
    const box = document.getElementById("chart");
    const source = document.getElementById("history");
    if (!box || !source || typeof uPlot === "undefined") return;
    const told = source.dataset.history;
    const width = box.clientWidth;
    if (plot && plot.width !== width) plot.setSize({ width, height: 190 });
    if (told === drawnFrom && plot) return;
    drawnFrom = told;
    const found = JSON.parse(told);
    const data = [found.at, found.live, found.arriving, found.refused];
    if (plot) { plot.setData(data); return; }
    plot = new uPlot({
      width, height: 190, padding: [8, 6, 0, 0], cursor: { y: false, drag: { x: false } },
      legend: { live: true },
      scales: { y: { range: (_, low, high) => [0, Math.max(5, high * 1.1)] } },
      axes: [axis({ space: 90, values: (_, times) => times.map((each) => clock(each).slice(0, 5)) }), axis({ size: 44 })],
      series: [
        { label: "Time", value: (_, at) => (at == null ? "–" : clock(at)) },
        series("In progress", "--brand", { fill: () => colour("--brand-thin") }),
        series("Arriving in 10 s", "--ink-soft", {}),
        series("Refused in 10 s", "--bad", {}),
      ],
    }, data, box);
  }

  drawChart();
  show();
  document.addEventListener("htmx:sse:after:message", drawChart);
  window.addEventListener("resize", drawChart);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot && plot.redraw());
})();
