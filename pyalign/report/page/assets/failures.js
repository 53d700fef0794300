"use strict";
// Failures: filtered and sorted by a reader, some cards at a time; `#failure-12` opens the twelfth.
(() => {
  const { MISSING, data, element, figure } = pyalign;
  const STEP = 24; // cards at once
  const WAIT = 60; // milliseconds after a letter
  const WIDTH = 4; // letters of a model in a code; see `code` of `failures_html.py`
  const ODD = 2; // the position that people call odd
  const bdi = (text) => element("bdi", {}, text);
  // A name that may break after its underscores.
  const breakable = (text) => element("bdi", {}, ...text.split(/(?<=_)/).flatMap((part, k) => (k ? [element("wbr"), part] : [part])));
  const many = (count, one) => `${figure(count, "count")} ${one}${count === 1 ? "" : "s"}`;

  class Browser {
    constructor(place) {
      this.place = place;
      this.data = data(place.dataset.failures);
      const { names, items, codes, models, none } = this.data;
      this.numbers = this.decode(this.data);
      this.shares = none + 1;
      this.count = codes.length;
      this.lower = codes.map((_, k) => [0, 1, 2].map((i) => names[items[3 * k + i]].toLowerCase()).join("\n"));
      this.wrong = codes.map((_, k) => models.reduce((sum, _m, m) => sum + this.isWrong(k, m), 0));
      this.words = [];
      this.needs = [];
      this.group = this.least = this.most = null;
      this.by = "clearest";
      this.page = 0;
      this.build();
      this.show();
    }

    // What each model makes of each failure, out of the letters.
    decode({ codes, models, letters }) {
      const digits = new Map([...letters].map((letter, digit) => [letter, digit]));
      const found = new Uint32Array(codes.length * models.length);
      codes.forEach((code, k) => {
        for (let i = 0; i < code.length; i++) {
          const at = k * models.length + Math.floor(i / WIDTH);
          found[at] = 64 * found[at] + digits.get(code[i]);
        }
      });
      return found;
    }

    number(k, m) {
      return this.numbers[k * this.data.models.length + m];
    }

    choice(k, m) {
      return this.data.choices[Math.floor(this.number(k, m) / this.shares ** 2)];
    }

    // The probability of what the model chooses (0) and of what people say (1).
    share(k, m, which) {
      const number = this.number(k, m);
      const thousandths = (which === 0 ? Math.floor(number / this.shares) : number) % this.shares;
      return thousandths === this.data.none ? null : thousandths / 1000;
    }

    isWrong(k, m) {
      const choice = this.choice(k, m);
      return choice === "0" || choice === "1" || choice === "w" || (choice === "t" && this.data.tiesAreWrong);
    }

    isRight(k, m) {
      const choice = this.choice(k, m);
      return choice === "2" || choice === "r";
    }

    name(k, position) {
      return this.data.names[this.data.items[3 * k + position]];
    }

    // Tools

    build() {
      const tools = element("div", { class: "failure-tools", role: "group", "aria-label": "Filter failures" });
      tools.append(this.search(), ...this.groups(), ...this.agreement(), this.order(), ...this.models());
      this.told_count = element("p", { class: "count", role: "status" });
      this.list = element("ol", { class: "cards" });
      this.pages = element("div", { class: "pages", role: "group", "aria-label": "Pages of failures" });
      this.place.append(tools, this.told_count, this.list, this.pages);
    }

    changed() {
      this.page = 0;
      this.show();
    }

    search() {
      const box = element("input", { type: "search", placeholder: "Name of an object", "aria-label": "Object, by its name" });
      let waiting = 0;
      box.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => {
          this.words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
          this.changed();
        }, WAIT);
      });
      return box;
    }

    select(label, options, chosen) {
      const box = element("select", {}, ...options.map(([value, text]) => element("option", { value }, text)));
      box.addEventListener("change", () => chosen(box.value));
      return element("label", {}, `${label} `, box);
    }

    groups() {
      if (this.data.groups.length < 2) return [];
      const options = [["", "any"], ...this.data.groups.map((text, k) => [String(k), text])];
      return [this.select("Group", options, (value) => ((this.group = value === "" ? null : Number(value)), this.changed()))];
    }

    agreement() {
      if (!this.data.shares) return [];
      const box = (text, key) => {
        const made = element("input", { type: "number", min: 0, max: 100, step: 5, inputmode: "numeric" });
        made.addEventListener("input", () => {
          this[key] = made.value === "" ? null : Number(made.value) / 100;
          this.changed();
        });
        return element("label", {}, `${text} `, made, " %");
      };
      return [box("People agree at least", "least"), box("at most", "most")];
    }

    order() {
      const options = [["clearest", "clearest"], ["wrong", "most models wrong"], ["name", "name of the odd one"]];
      if (this.data.shares) options.splice(1, 0, ["share", "people agree most"]);
      return this.select("Sort", options, (value) => ((this.by = value), this.changed()));
    }

    models() {
      if (this.data.models.length < 2) return [];
      const kind = element("select", { "aria-label": "Whether the model is wrong or right" });
      kind.append(element("option", { value: "wrong" }, "wrong"), element("option", { value: "right" }, "right"));
      const which = element("select", { "aria-label": "Model" });
      which.append(...this.data.models.map((name, m) => element("option", { value: m }, name)));
      const add = element("button", { type: "button" }, "Add");
      this.chips = element("span", { class: "chips" });
      add.addEventListener("click", () => this.need(Number(which.value), kind.value));
      return [element("span", { class: "by-model", role: "group", "aria-label": "Failures of models" }, "Model ", which, " is ", kind, add), this.chips];
    }

    need(model, kind) {
      this.needs = this.needs.filter((one) => one.model !== model);
      const need = { model, kind };
      this.needs.push(need);
      this.showChips();
      this.changed();
    }

    showChips() {
      this.chips.replaceChildren(
        ...this.needs.map((need) => {
          const name = this.data.models[need.model];
          const chip = element("button", { type: "button", class: "chip", "aria-label": `Remove: ${name} is ${need.kind}` });
          chip.append(bdi(name), ` ${need.kind} ×`);
          chip.addEventListener("click", () => {
            this.needs = this.needs.filter((one) => one !== need);
            this.showChips();
            this.changed();
            (this.chips.querySelector("button") ?? this.place.querySelector(".by-model button")).focus();
          });
          return chip;
        }),
      );
    }

    // What is shown

    fits(k) {
      const { shares, groupsOf } = this.data;
      if (this.group !== null && groupsOf && !groupsOf[k].includes(this.group)) return false;
      if (this.least !== null && !(shares[k] !== null && shares[k] >= this.least)) return false;
      if (this.most !== null && !(shares[k] !== null && shares[k] <= this.most)) return false;
      if (!this.words.every((word) => this.lower[k].includes(word))) return false;
      return this.needs.every(({ model, kind }) => (kind === "wrong" ? this.isWrong(k, model) : this.isRight(k, model)));
    }

    found() {
      const found = [];
      for (let k = 0; k < this.count; k++) if (this.fits(k)) found.push(k);
      const { shares } = this.data;
      if (this.by === "wrong") found.sort((a, b) => this.wrong[b] - this.wrong[a] || a - b);
      if (this.by === "share") found.sort((a, b) => (shares[b] ?? -1) - (shares[a] ?? -1) || a - b);
      if (this.by === "name") {
        const key = (k) => this.name(k, ODD).toLowerCase();
        found.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a - b));
      }
      return found;
    }

    show() {
      this.order_now = this.found();
      const from = this.page * STEP;
      const shown = this.order_now.slice(from, from + STEP);
      const all = this.order_now.length === this.count ? many(this.count, "failure") : `${figure(this.order_now.length, "count")} of ${many(this.count, "failure")}`;
      this.told_count.textContent = shown.length < this.order_now.length ? `${all}, ${from + 1} to ${from + shown.length} shown` : all;
      this.list.start = from + 1;
      this.list.replaceChildren(...shown.map((k) => this.card(k)));
      this.paging();
    }

    paging() {
      const last = Math.max(0, Math.ceil(this.order_now.length / STEP) - 1);
      const step = (text, by, possible) => {
        const button = element("button", { type: "button", disabled: !possible }, text);
        button.addEventListener("click", () => {
          this.page += by;
          this.show();
          const again = this.pages.querySelectorAll("button")[by < 0 ? 0 : 1];
          (again.disabled ? this.pages.querySelector("button:not([disabled])") : again)?.focus();
          this.told_count.scrollIntoView({ block: "start" });
        });
        return button;
      };
      this.pages.hidden = last === 0;
      this.pages.replaceChildren(
        step("Previous", -1, this.page > 0),
        element("span", {}, `Page ${this.page + 1} of ${last + 1}`),
        step("Next", 1, this.page < last),
      );
    }

    // How many models call each position odd.
    votes(k) {
      const votes = [0, 0, 0];
      this.data.models.forEach((_, m) => {
        const choice = this.choice(k, m);
        if (choice in votes) votes[choice] += 1;
      });
      return votes;
    }

    // The picture of an item, framed where people call it odd, and how many models do.
    item(k, position, votes) {
      const { anchored, models, tiles, items } = this.data;
      const name = this.name(k, position);
      const role = anchored ? ["anchor", "chosen", ""][position] : position === ODD ? "odd one" : "";
      const framed = position === (anchored ? 1 : ODD);
      const picture = pyalign.picture(tiles[items[3 * k + position]], name);
      const caption = element("figcaption", {}, ...(picture.matches(".none") ? [] : [breakable(name)]));
      const top = element("div", { class: "top-of" }, picture);
      if (role) top.append(element("span", { class: "people", title: "what people say" }, role));
      if (votes && !(anchored && position === 0)) {
        const count = anchored ? votes[3 - position] : votes[position];
        const bar = element("span", { class: "votes", "aria-hidden": "true" });
        bar.style.setProperty("--share", models.length ? count / models.length : 0);
        caption.append(bar, element("span", { class: "voted" }, many(count, "model")));
      }
      return element("figure", { class: `item${framed ? " odd" : ""}` }, top, caption);
    }

    knows(k) {
      return this.data.models.some((_, m) => "012t".includes(this.choice(k, m)));
    }

    people(k) {
      const share = this.data.shares ? this.data.shares[k] : null;
      return share === null ? many(this.data.answers[k], "answer") : `${figure(share, "percent", 0)} of ${many(this.data.answers[k], "answer")}`;
    }

    card(k) {
      const number = this.data.first + k;
      const votes = this.knows(k) ? this.votes(k) : null;
      const three = element("div", { class: "three" }, ...[0, 1, 2].map((position) => this.item(k, position, votes)));
      const models = this.data.models.length;
      const about = element("p", { class: "about" }, `${this.people(k)} · ${this.wrong[k]} of ${many(models, "model")} wrong`);
      const link = element("a", { href: `#failure-${number}` }, "Details");
      link.setAttribute("aria-label", `Failure ${number}: ${[0, 1, 2].map((i) => this.name(k, i)).join(", ")}`);
      return element("li", { class: "card" }, three, element("div", { class: "foot" }, about, link));
    }

    // One failure

    detail(k) {
      const { models, groups, groupsOf, subjects, rows } = this.data;
      const three = element("div", { class: "three large" }, ...[0, 1, 2].map((position) => this.item(k, position, this.knows(k) ? this.votes(k) : null)));
      const facts = [`People: ${this.people(k)}`, `row ${rows[k]} of the triplets`];
      if (subjects && subjects[k] !== null) facts.push(`answered by ${subjects[k]}`);
      if (groupsOf) facts.push(...groupsOf[k].map((group) => groups[group]));
      const head = ["Model", this.data.anchored ? "leaves" : "calls odd", "verdict", "probability", "of people's answer"];
      const body = element("tbody", {}, ...models.map((name, m) => this.verdict(k, m, name)));
      const header = element("thead", {}, element("tr", {}, ...head.map((text, i) => element("th", { scope: "col", class: i > 2 ? "number" : "text" }, text))));
      const table = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What each model chooses" }, element("table", {}, header, body));
      return [three, element("p", { class: "about" }, `${facts.join("; ")}.`), table];
    }

    verdict(k, m, name) {
      const choice = this.choice(k, m);
      const shown = (share) => (share === null ? MISSING : figure(share, "percent", 1));
      const odd = choice in [0, 0, 0] ? bdi(this.name(k, Number(choice))) : choice === "t" ? "a tie" : MISSING;
      const verdict = this.isWrong(k, m) ? "wrong" : this.isRight(k, m) ? "right" : choice === "t" ? "tie" : MISSING;
      return element(
        "tr",
        { class: verdict },
        element("th", { scope: "row", class: "text" }, bdi(name)),
        element("td", { class: "text" }, odd),
        element("td", { class: "text verdict" }, verdict),
        element("td", { class: "number" }, shown(this.share(k, m, 0))),
        element("td", { class: "number" }, shown(this.share(k, m, 1))),
      );
    }
  }

  const browsers = [];
  const dialog = element("dialog", { class: "failure", "aria-labelledby": "failure-title" });
  let open = null; // {browser, k}

  function asked() {
    const found = /^#failure-(\d{1,9})$/.exec(location.hash);
    if (!found) return null;
    const number = Number(found[1]);
    for (const browser of browsers) {
      const k = number - browser.data.first;
      if (k >= 0 && k < browser.count) return { browser, k };
    }
    return null;
  }

  function moved(by) {
    if (!open) return;
    const { browser, k } = open;
    const at = browser.order_now.indexOf(k);
    const next = at < 0 ? undefined : browser.order_now[at + by];
    if (next !== undefined) location.replace(`#failure-${browser.data.first + next}`);
  }

  function button(text, act, disabled = false) {
    const made = element("button", { type: "button", disabled }, text);
    made.addEventListener("click", act);
    return made;
  }

  function follow() {
    open = asked();
    if (!open) {
      if (dialog.open) dialog.close();
      return;
    }
    const { browser, k } = open;
    const at = browser.order_now.indexOf(k);
    const title = element("h3", { id: "failure-title", tabindex: -1, autofocus: true }, `Failure ${browser.data.first + k}`);
    const bar = element("div", { class: "failure-bar" }, title, button("Previous", () => moved(-1), at < 1), button("Next", () => moved(1), at < 0 || at + 1 >= browser.order_now.length), button("Close", () => dialog.close()));
    dialog.replaceChildren(bar, ...browser.detail(k));
    if (!dialog.open) dialog.showModal();
    title.focus();
    dialog.scrollTop = 0;
  }

  function start() {
    for (const place of document.querySelectorAll("[data-failures]")) browsers.push(new Browser(place));
    if (!browsers.length) return;
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
      open = null;
      if (asked()) history.replaceState(null, "", location.pathname + location.search);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest(".scroll")) return;
      if (event.key === "ArrowLeft") moved(-1);
      if (event.key === "ArrowRight") moved(1);
    });
    addEventListener("hashchange", follow);
    follow();
  }

  document.addEventListener("DOMContentLoaded", start);
})();
