"use strict";
// Charts are drawn when they come into view, the others when nothing else is to do, all of them before printing.
(() => {
  const { data, element } = pyalign;
  const ROOM = 600; // CSS pixels: in less a chart is drawn as for a telephone, if there is one of that kind
  const MANY = 3000; // marks, from which a bitmap is lighter than as many elements
  const KEPT = new Set(["values", "datasets", "domain", "sort", "text", "title", "description", "usermeta", "expr"]);
  const names = data("chart-colors") ?? {};

  // A specification with the colors of the page in place of those that it was made with; its data stay.
  function recolored(value, color) {
    if (typeof value === "string") return names[value.toLowerCase()] ? color(names[value.toLowerCase()]) : value;
    if (Array.isArray(value)) return value.map((one) => recolored(one, color));
    if (value === null || typeof value !== "object") return value;
    const made = {};
    for (const [key, one] of Object.entries(value)) {
      const kept = KEPT.has(key) && !(key === "title" && typeof one === "object") && !(key === "text" && typeof one === "object");
      made[key] = kept ? one : recolored(one, color);
    }
    return made;
  }

  function fixed(name) {
    const held = getComputedStyle(document.documentElement).getPropertyValue(name.slice(4, -1));
    const both = /light-dark\(([^,]+),([^)]+)\)/.exec(held);
    return both ? both[pyalign.isDark() ? 2 : 1].trim() : held.trim();
  }

  function size(value) {
    if (Array.isArray(value)) return value.reduce((sum, one) => sum + size(one), 0);
    if (value === null || typeof value !== "object") return 0;
    let count = Array.isArray(value.values) ? value.values.length : 0;
    if (value.datasets) for (const row of Object.values(value.datasets).flat()) count += row.cells?.length ?? 1;
    for (const [key, one] of Object.entries(value)) if (key !== "values" && key !== "datasets") count += size(one);
    return count;
  }

  const tip = element("div", { class: "tip", hidden: true });
  document.body.append(tip);

  function tooltip(_, event, item, value) {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    const rows = typeof value === "object" ? Object.entries(value) : [["", value]];
    tip.replaceChildren(
      ...rows.map(([name, one]) => element("div", {}, name ? element("span", {}, name) : "", element("bdi", {}, String(one ?? pyalign.MISSING)))),
    );
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, room))}px`;
    tip.style.top = `${event.clientY + 18}px`;
  }

  // The library is packed in the page; what comes out of it is allowed by its hash.
  let unpacked = null;

  function library() {
    unpacked ??= (async () => {
      const text = document.querySelector("script[data-library]").textContent;
      document.head.append(element("script", {}, await pyalign.unzipped(text)));
    })();
    return unpacked;
  }

  const drawn = new Map(); // place -> promise of its view

  const isNarrow = (place) => place.clientWidth < ROOM && data(`${place.dataset.chart}-narrow`) !== undefined;

  // The specification that fits, with rows in place of the columns of its data.
  function fitting(place, narrow) {
    const spec = data(`${place.dataset.chart}${narrow ? "-narrow" : ""}`);
    const { datasets = {} } = spec;
    for (const [table, columns] of Object.entries(datasets)) {
      if (Array.isArray(columns)) continue;
      const keys = Object.keys(columns);
      datasets[table] = columns[keys[0]].map((_, k) => Object.fromEntries(keys.map((key) => [key, columns[key][k]])));
    }
    return spec;
  }

  // The cells of RDMs are those of the table of their pairs, of objects in `order`; each row has those before its own,
  // and for each its percentile, as `percentiles` of `rdms.py`.
  function fill({ count, columns }, order, datasets) {
    const objects = (1 + Math.sqrt(1 + 8 * count)) / 2;
    const at = (a, b) => (a < b ? a * objects - (a * (a + 1)) / 2 + b - a - 1 : at(b, a));
    for (const lines of datasets.filter((rows) => rows[0]?.line)) {
      const { values } = columns.find((column) => column.header === lines[0].matrix);
      for (const row of lines) row.cells = order.slice(0, row.line).map((other) => values[at(order[row.line], other)]);
      const known = lines.flatMap((row) => row.cells).filter((value) => value !== null).sort((a, b) => a - b);
      const twice = new Map(known.map((value, k) => [value, k]).reverse()); // how many are less
      new Map(known.map((value, k) => [value, k + 1])).forEach((notMore, value) => twice.set(value, twice.get(value) + notMore));
      for (const row of lines) row.more_percentile = row.cells.map((value) => twice.get(value) / (2 * known.length) || null);
    }
  }

  // Expressions are interpreted (`ast`): the policy of the page lets no script make functions of texts.
  async function made(place) {
    await library();
    await pyalign.started;
    const narrow = isNarrow(place);
    const given = fitting(place, narrow);
    const order = given.usermeta?.pyalign?.order;
    if (order) fill(pyalign.tables.get(place.closest("figure").querySelector("[data-table]").dataset.table), order, Object.values(given.datasets));
    const bitmap = size(given) > MANY;
    const spec = recolored(given, bitmap ? fixed : (name) => name);
    spec.config = { ...spec.config, background: "transparent" };
    const found = await vegaEmbed(place, spec, {
      mode: "vega-lite",
      ast: true,
      renderer: bitmap ? "canvas" : "svg",
      actions: false,
      defaultStyle: false,
      logLevel: 1,
      tooltip,
    });
    const picture = place.querySelector("svg.marks, canvas.marks");
    const width = picture.viewBox ? picture.viewBox.baseVal.width : picture.width / (window.devicePixelRatio || 1);
    picture.style.setProperty("--width", Math.round(width));
    // Groups of marks that have no name, such as one without marks, are nothing to be told of.
    for (const one of picture.querySelectorAll('[role^="graphics-"]:not([aria-label])')) one.removeAttribute("role");
    place.setAttribute("role", "group");
    place.classList.add("drawn");
    return { result: found, bitmap, narrow };
  }

  function draw(place) {
    if (!drawn.has(place)) {
      seen.unobserve(place);
      const promise = made(place).catch((error) => {
        console.error(error);
        place.style.setProperty("--least", "0px");
        place.textContent = "This chart can't be drawn here; its data stand below.";
        return null;
      });
      drawn.set(place, promise);
    }
    return drawn.get(place);
  }

  async function again(isStale) {
    for (const place of [...drawn.keys()]) {
      const held = await drawn.get(place);
      if (!held || !isStale(held, place)) continue;
      held.result.finalize();
      drawn.delete(place);
      place.replaceChildren();
      draw(place);
    }
  }

  async function saveDrawing(place) {
    const held = await draw(place);
    if (!held) return;
    const text = await held.result.view.toSVG();
    pyalign.save(text.replace(/var\((--[\w-]+)\)/g, (name) => fixed(name)), "image/svg+xml", `${place.dataset.chart}.svg`);
  }

  const places = [...document.querySelectorAll("[data-chart]")];
  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => entry.isIntersecting && draw(entry.target)), { rootMargin: "300px" });

  async function idle() {
    const next = places.find((place) => !drawn.has(place));
    if (!next) return;
    await draw(next);
    later();
  }

  function later() {
    if (window.requestIdleCallback) requestIdleCallback(idle, { timeout: 2000 });
    else setTimeout(idle, 200);
  }

  for (const place of places) {
    seen.observe(place);
    const button = element("button", { type: "button" }, "Save SVG");
    button.addEventListener("click", () => saveDrawing(place));
    place.closest("figure").querySelector(".chart-tools").append(button);
  }
  pyalign.redraw.push(() => again((held) => held.bitmap)); // which has its colors in it
  addEventListener("resize", () => again((held, place) => held.narrow !== isNarrow(place)));
  pyalign.beforePrint.push(() => Promise.all(places.map(draw)));
  addEventListener("load", later);
})();
