"use strict";
// What all scripts of the page share: its data, how values are shown, colors, copying, printing.
const pyalign = (() => {
  const MISSING = "–";
  const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
  const held = new Map();
  const texts = new Map(); // what was packed

  const script = (name) => document.querySelector(`script[data-name="${CSS.escape(name)}"]`);

  // The value that the page was given under this name; parsed when it is first asked for.
  function data(name) {
    if (!held.has(name)) {
      const text = texts.get(name) ?? script(name)?.textContent;
      held.set(name, text === undefined ? undefined : JSON.parse(text));
    }
    return held.get(name);
  }

  // Five letters are four bytes, the digits of a number to base 85, as `zipped` of `html.py` writes them.
  function bytes(text) {
    const made = new DataView(new ArrayBuffer(4 * Math.ceil(text.length / 5)));
    for (let k = 0; k < text.length; k += 5) {
      let number = 0;
      for (let i = k; i < k + 5; i++) number = 85 * number + (i < text.length ? DIGITS.indexOf(text[i]) : 84);
      made.setUint32((4 * k) / 5, number);
    }
    return made.buffer.slice(0, Math.floor((4 * text.length) / 5));
  }

  async function unzipped(text) {
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  // What is packed, which `data` gives from then on: a line for each name, and one for its value.
  const unpacked = unzipped(document.querySelector("script[data-packed]").textContent).then((text) => {
    const lines = text.split("\n");
    for (let k = 1; k < lines.length; k += 2) texts.set(lines[k - 1], lines[k]);
  });

  const commas = (text) => text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

  // A number as people read it; the same rules as `cells.py`.
  function figure(value, form, places) {
    const whole = String(Math.trunc(Math.abs(value))).length;
    const supported = whole === 1 ? places : Math.max(0, Math.min(places, 5 - whole));
    const power = (number, digits) => number.toExponential(digits).replace(/e([+-])(\d)$/, (_, sign, digit) => `e${sign}0${digit}`);
    let text;
    if (Math.abs(value) >= 1e15) text = power(value, 1);
    else if (form === "p") text = value < 1e-4 ? "<0.0001" : value.toFixed(4);
    else if (form === "count") text = commas(value.toFixed(Number.isInteger(value) ? 0 : 1));
    else if (form === "percent" || form === "bar") text = `${(100 * value).toFixed(places)}%`;
    else if (form === "digits") {
      const short = Number(value.toPrecision(places)), size = Math.abs(short);
      text = size === 0 || (size >= 1e-4 && size < 10 ** places) ? String(short) : power(short);
    } else if (Math.abs(value) < 1e7) text = commas(value.toFixed(supported));
    else text = power(value, places);
    return text.replace(/-/g, "\u2212");
  }

  // Tells those who don't see the page what has happened.
  function announce(text) {
    document.getElementById("live").textContent = text;
  }

  // An element with attributes and children, texts as text.
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = element("textarea", { "aria-hidden": "true", class: "unseen" });
      const before = document.activeElement;
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      if (before) before.focus();
    }
    announce(`${what} copied`);
  }

  function save(text, type, name) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = element("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  const preference = matchMedia("(prefers-color-scheme: dark)");
  const redraw = [];

  function isDark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : preference.matches;
  }

  function setTheme(name) {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    for (const one of redraw) one();
  }

  function remembered(name) {
    try {
      if (name === undefined) return localStorage.getItem("pyalign-theme");
      localStorage.setItem("pyalign-theme", name);
    } catch {
      // a page from a file may not remember anything
    }
    return null;
  }

  function startTheme() {
    const boxes = [...document.querySelectorAll('input[name="theme"]')];
    const before = remembered();
    for (const box of boxes) {
      if (box.value === before) {
        box.checked = true;
        setTheme(before);
      }
      box.addEventListener("change", () => {
        setTheme(box.value);
        remembered(box.value);
      });
    }
    preference.addEventListener("change", () => redraw.forEach((one) => one()));
  }

  const beforePrint = [];
  let closed = [];

  // Everything that is closed is opened, and what is not drawn yet is begun.
  function open() {
    closed = [...document.querySelectorAll("details.fold:not([open])"), ...closed];
    for (const one of closed) one.open = true;
    return Promise.all(beforePrint.map((one) => one()));
  }

  function close() {
    for (const one of closed) one.open = false;
    closed = [];
  }

  function startPrint() {
    document.getElementById("print").addEventListener("click", async () => {
      await open();
      print();
    });
    addEventListener("beforeprint", open);
    addEventListener("afterprint", close);
  }

  function startCopies() {
    for (const button of document.querySelectorAll("button.copy")) {
      const place = button.closest("figure");
      button.addEventListener("click", () => copy(place.querySelector("code").textContent, "Text"));
    }
  }

  // Marks the section that is read in the contents.
  function startContents() {
    const links = new Map();
    for (const link of document.querySelectorAll("nav.contents a")) links.set(link.hash.slice(1), link);
    const seen = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          for (const link of links.values()) link.removeAttribute("aria-current");
          links.get(entry.target.id)?.setAttribute("aria-current", "true");
        }
      },
      { rootMargin: "-10% 0px -75% 0px" },
    );
    for (const name of links.keys()) {
      const section = document.getElementById(name);
      if (section) seen.observe(section);
    }
    if (matchMedia("(max-width: 60rem)").matches) document.querySelector("nav.contents details").open = false;
  }

  // A link to something inside of a closed fold opens it.
  function reveal() {
    const place = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = place; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (place) place.scrollIntoView();
  }

  document.documentElement.classList.add("scripted");
  startTheme();
  startPrint();
  startCopies();
  startContents();
  addEventListener("hashchange", reveal);
  return { MISSING, script, data, unpacked, unzipped, figure, announce, element, copy, save, isDark, redraw, beforePrint };
})();
