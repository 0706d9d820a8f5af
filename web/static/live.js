// Keeps the parts of a page up to date: listens for what changed, fetches those parts from the
// server and puts them in place. Every page is whole without this file.
"use strict";
(() => {
  const regions = [...document.querySelectorAll("[data-live]")];
  if (regions.length === 0 || !window.EventSource) return;
  const told = document.getElementById("told");
  const TICK_MS = 30000; // how often everything is fetched again, for what only time changes
  const GATHER_MS = 40; // changes that come within this are one
  const LOST_MS = 20000; // without a word from the server for so long, the page says that it is stale
  const waiting = new Map(); // region -> timer, or "again" while it is being fetched
  let heard = Date.now();

  const alive = () => {
    heard = Date.now();
    document.body.classList.remove("cut");
  };

  // What has the focus is found again by its id, or by its place among the links of the region.
  const remember = (region) => {
    const active = document.activeElement;
    if (!active || !region.contains(active)) return () => {};
    const all = () => [...region.querySelectorAll("a[href],button,summary,[tabindex]")];
    const [id, place, href] = [active.id, all().indexOf(active), active.getAttribute("href")];
    return () => {
      const again = (id && document.getElementById(id)) || all().find((e) => href && e.getAttribute("href") === href) || all()[place];
      if (again) again.focus({ preventScroll: true });
    };
  };

  const put = (region, html) => {
    if (region.dataset.was === html) return;
    const first = region.dataset.was === undefined;
    region.dataset.was = html;
    const refocus = remember(region);
    const open = [...region.querySelectorAll("details[open][id]")].map((d) => d.id);
    const before = new Set([...region.querySelectorAll("[data-key]")].map((e) => e.dataset.key));
    region.innerHTML = html;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    for (const e of region.querySelectorAll("[data-key]")) if (!before.has(e.dataset.key)) e.classList.add("fresh");
    refocus();
    const say = region.querySelector("[data-say]")?.dataset.say;
    if (told && say && region.dataset.said !== undefined && region.dataset.said !== say) told.textContent = say;
    region.dataset.said = say ?? (first ? "" : region.dataset.said ?? "");
  };

  const fetchInto = async (region) => {
    waiting.set(region, "busy");
    try {
      const answer = await fetch(region.dataset.live, { headers: { "kukaku-live": "1" }, credentials: "same-origin" });
      if (answer.status === 401 || answer.status === 403) {
        location.reload();
        return;
      }
      if (answer.ok) {
        put(region, await answer.text());
        alive();
      }
    } catch {
      // The next change or tick tries again; until then the page says that it is stale.
    } finally {
      const again = waiting.get(region) === "again";
      waiting.delete(region);
      if (again) soon(region);
    }
  };

  const soon = (region) => {
    const state = waiting.get(region);
    if (state === "busy") waiting.set(region, "again");
    if (state !== undefined) return;
    waiting.set(region, setTimeout(() => fetchInto(region), GATHER_MS));
  };

  for (const region of regions) {
    region.dataset.said = region.querySelector("[data-say]")?.dataset.say ?? "";
  }
  const source = new EventSource("/live");
  source.addEventListener("change", (event) => {
    alive();
    const what = event.data.split(" ");
    for (const region of regions) {
      const on = (region.dataset.on ?? "").split(" ");
      if (what.includes("all") || on.some((topic) => what.includes(topic))) soon(region);
    }
  });
  source.addEventListener("beat", alive);
  source.addEventListener("over", () => location.reload());
  setInterval(() => regions.forEach(soon), TICK_MS);
  setInterval(() => {
    if (Date.now() - heard > LOST_MS) document.body.classList.add("cut");
  }, 1000);
})();
