"use strict";
// Tables: sort, filter, choose columns, copy as CSV. Rows are made anew from the values that the page holds.
(() => {
  const { MISSING, data, figure, element } = pyalign;
  const STEP = 200; // rows that are shown at once
  const WAIT = 60; // milliseconds after a letter
  const ANY = "\u0000any";
  const NONE = "\u0000none";

  // Long columns of decimals are packed, as `tables_html.py` says.
  function unpack(column) {
    for (const key of ["values", "low", "high"]) if (typeof column[key] === "string") column[key] = decimals(column[key]);
  }

  function decimals(text) {
    const [places, packed] = text.split(":");
    const { buffer } = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    return Array.from(new Int16Array(buffer), (value) => (value === -32768 ? null : value / 10 ** places));
  }

  class Rows {
    constructor(place) {
      this.place = place;
      this.name = place.dataset.table;
      this.data = data(this.name);
      this.columns = this.data.columns;
      this.columns.forEach(unpack);
      this.count = this.columns.length ? this.columns[0].values.length : 0;
      this.hidden = new Set();
      this.chosen = new Map();
      this.words = [];
      this.limit = STEP;
      const first = this.data.sort;
      this.by = first ? this.columns.findIndex((column) => column.header === first[0]) : -1;
      this.down = first ? first[1] : false;
      this.body = place.querySelector("tbody");
      this.headers = [...place.querySelectorAll("thead th")].slice(this.data.numbered ? 1 : 0);
      this.headers.forEach((header, k) => this.sortable(header, k));
      this.tools();
    }

    sortable(header, k) {
      const button = element("button", { type: "button", class: "sort" }, ...header.childNodes);
      header.replaceChildren(button);
      button.addEventListener("click", () => {
        const text = this.columns[k].form === "text";
        this.down = this.by === k ? !this.down : !text;
        this.by = k;
        this.show();
        pyalign.announce(`Sorted by ${this.columns[k].header}, ${this.down ? "descending" : "ascending"}`);
      });
    }

    tools() {
      const place = this.place.querySelector(".table-tools");
      this.told_count = element("span", { class: "count", role: "status" });
      const parts = [];
      if (this.count > 5) parts.push(this.search());
      this.columns.forEach((column, k) => column.filter && parts.push(this.select(column, k)));
      if (this.columns.length > 2) parts.push(this.choice());
      const copy = element("button", { type: "button" }, "Copy CSV");
      copy.addEventListener("click", () => pyalign.copy(this.csv(), "Table"));
      parts.push(copy, this.told_count);
      place.append(...parts);
      this.counted(this.count, Math.min(this.count, STEP));
      if (this.body.rows.length < Math.min(this.count, STEP)) this.complete();
    }

    // A long table came with its first rows: the others are made when it comes into view.
    complete() {
      const seen = new IntersectionObserver((entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        seen.disconnect();
        if (this.body.rows.length < Math.min(this.count, STEP)) this.show();
      }, { rootMargin: "600px" });
      seen.observe(this.place);
      pyalign.beforePrint.push(() => this.show());
    }

    search() {
      const box = element("input", { type: "search", placeholder: "Filter rows", "aria-label": `Filter rows: ${this.data.caption}` });
      let waiting = 0;
      box.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => {
          this.words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
          this.show();
        }, WAIT);
      });
      return box;
    }

    select(column, k) {
      const values = [...new Set(column.values)].filter((value) => value !== null);
      values.sort((a, b) => compare(a, b));
      const options = [element("option", { value: ANY }, "any"), ...values.map((value, i) => element("option", { value: i }, plain(value, column)))];
      if (column.values.includes(null)) options.push(element("option", { value: NONE }, "not known"));
      const box = element("select", {}, ...options);
      box.addEventListener("change", () => {
        if (box.value === ANY) this.chosen.delete(k);
        else this.chosen.set(k, box.value === NONE ? null : values[Number(box.value)]);
        this.show();
      });
      return element("label", {}, `${column.header} `, box);
    }

    choice() {
      const boxes = this.columns.slice(1).map((column, i) => {
        const box = element("input", { type: "checkbox", checked: true });
        box.addEventListener("change", () => {
          if (box.checked) this.hidden.delete(i + 1);
          else this.hidden.add(i + 1);
          this.show();
        });
        return element("label", {}, box, ` ${column.header}`);
      });
      return element("details", { class: "choose" }, element("summary", {}, "Columns"), element("div", {}, ...boxes));
    }

    // What each row says in its columns of text, for the box that filters.
    texts() {
      if (!this.lower) {
        const texts = this.columns.filter((column) => column.form === "text");
        this.lower = Array.from({ length: this.count }, (_, row) =>
          texts.map((column) => (column.values[row] === null ? "" : String(column.values[row]).toLowerCase())).join("\n"),
        );
      }
      return this.lower;
    }

    rows() {
      const texts = this.words.length ? this.texts() : null;
      const found = [];
      for (let row = 0; row < this.count; row++) {
        if (texts && !this.words.every((word) => texts[row].includes(word))) continue;
        let fits = true;
        for (const [k, value] of this.chosen) fits &&= this.columns[k].values[row] === value;
        if (fits) found.push(row);
      }
      if (this.by < 0) return found;
      const values = this.columns[this.by].values;
      const sign = this.down ? -1 : 1;
      // What is missing comes last, whichever way; rows of the same value stay as they came.
      return found.sort((a, b) =>
        values[a] === null || values[b] === null
          ? (values[a] === null) - (values[b] === null) || a - b
          : sign * compare(values[a], values[b]) || a - b,
      );
    }

    show() {
      const order = this.rows();
      const shown = order.slice(0, this.limit);
      const made = document.createDocumentFragment();
      shown.forEach((row, place) => made.append(this.row(row, place + 1)));
      this.body.replaceChildren(made);
      this.headers.forEach((header, k) => {
        header.hidden = this.hidden.has(k);
        if (k === this.by) header.setAttribute("aria-sort", this.down ? "descending" : "ascending");
        else header.removeAttribute("aria-sort");
      });
      this.counted(order.length, shown.length);
    }

    row(row, place) {
      const made = element("tr");
      if (this.data.numbered) made.append(element("td", {}, String(place)));
      this.columns.forEach((column, k) => {
        if (this.hidden.has(k)) return;
        const kind = this.headers[k].className;
        const about = { class: k && kind === "number" ? null : kind };
        made.append(k ? element("td", about, ...cell(column, row)) : element("th", { scope: "row", ...about }, ...cell(column, row)));
      });
      return made;
    }

    counted(found, shown) {
      const all = found === this.count ? `${figure(found, "count")} ${found === 1 ? "row" : "rows"}` : `${figure(found, "count")} of ${figure(this.count, "count")} rows`;
      this.told_count.textContent = shown < found ? `${all}, ${shown} shown` : all;
      if (!this.more) {
        this.more = element("button", { type: "button", class: "more" });
        this.more.addEventListener("click", () => {
          this.limit += STEP;
          this.show();
        });
        this.place.append(this.more);
      }
      this.more.hidden = shown >= found;
      this.more.textContent = `Show ${Math.min(STEP, found - shown)} more rows`;
    }

    // The rows and columns that are shown, in their order, with all digits.
    csv() {
      const columns = this.columns.filter((_, k) => !this.hidden.has(k));
      const ends = (column) => ["low", "high"].filter((end) => column[end]);
      const lines = [columns.flatMap((column) => [column.header, ...ends(column).map((end) => `${column.header} ${end}`)])];
      for (const row of this.rows()) {
        lines.push(columns.flatMap((column) => [column.values[row], ...ends(column).map((end) => column[end][row])]));
      }
      return lines.map((line) => line.map(field).join(",")).join("\n") + "\n";
    }
  }

  function field(value) {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  }

  function compare(a, b) {
    if (typeof a !== typeof b) return typeof a === "string" ? 1 : -1;
    if (typeof a !== "string") return a - b;
    const [x, y] = [a.toLowerCase(), b.toLowerCase()];
    return x < y ? -1 : x > y ? 1 : 0;
  }

  function plain(value, column) {
    if (typeof value === "boolean") return value ? "yes" : "no";
    return column.form === "text" || typeof value === "string" ? line(String(value)) : figure(value, column.form, column.places);
  }

  // What would break a line is written out, as in the rows that the page came with.
  function line(text) {
    return text.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (letter) => {
      const code = letter.codePointAt(0);
      const named = { 9: "\\t", 10: "\\n", 13: "\\r" }[code];
      const hex = (digits) => code.toString(16).padStart(digits, "0");
      return named ?? (code < 256 ? `\\x${hex(2)}` : code < 65536 ? `\\u${hex(4)}` : `\\U${hex(8)}`);
    });
  }

  function isolated(text) {
    return /^[\x00-\x7f]*$/.test(text) ? text : element("bdi", {}, text);
  }

  function cell(column, row) {
    const value = column.values[row];
    if (value === null) return [element("i", { title: "not in the result" }, MISSING)];
    const text = plain(value, column);
    const inside = column.form === "text" || typeof value === "string" ? isolated(text) : text;
    const whole = column.form === "bar" ? [bar(value), inside] : [inside];
    const ends = ["low", "high"].map((end) => (column[end] ? column[end][row] : null));
    if (ends[0] === null && ends[1] === null) return whole;
    const shown = (end) => (end === null ? MISSING : figure(end, column.form, column.places));
    const bare = (end) => shown(end).replace("%", "");
    const words = ends[1] === null ? `above ${shown(ends[0])}` : `${bare(ends[0])} to ${bare(ends[1])}`;
    return [...whole, " ", element("span", { class: "ends" }, words)];
  }

  function bar(share) {
    return element("span", { class: "bar", style: `--share:${(100 * Math.min(Math.max(share, 0), 1)).toFixed(1)}%` });
  }

  // A table that is wider than its frame breaks its lines; one that fits has a line for each row.
  const widths = new WeakMap();
  const frames = new ResizeObserver((changed) => {
    const others = changed.map((one) => one.target).filter((one) => one.clientWidth && widths.get(one) !== one.clientWidth);
    for (const one of others) one.classList.remove("tight");
    for (const one of others.filter((one) => one.scrollWidth > one.clientWidth)) one.classList.add("tight");
    for (const one of others) widths.set(one, one.clientWidth);
  });
  for (const one of document.querySelectorAll(".table > .scroll")) frames.observe(one);

  pyalign.tables = new Map();
  pyalign.started = pyalign.unpacked.then(() => {
    for (const place of document.querySelectorAll("[data-table]")) pyalign.tables.set(place.dataset.table, new Rows(place));
  });
})();
