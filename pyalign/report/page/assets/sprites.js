"use strict";
// Pictures of objects. A sheet is read from the page when the first of its tiles comes near the view, or before the page
// is printed; its bytes are then an object URL, and the text that held them is dropped.
(() => {
  const urls = new Map();
  const { script } = pyalign;
  const arranged = script("pictures") ? pyalign.data("pictures") : null;

  function url(name) {
    if (!urls.has(name)) {
      const place = script(name);
      const { type, data } = JSON.parse(place.textContent);
      place.textContent = "{}";
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      urls.set(name, URL.createObjectURL(new Blob([bytes], { type })));
    }
    return urls.get(name);
  }

  function place(element) {
    return arranged ? (arranged.places[Number(element.dataset.tile)] ?? -1) : -1;
  }

  function show(element) {
    if (element.classList.contains("shown")) return;
    const at = place(element);
    if (at < 0) {
      element.classList.add("none");
      element.removeAttribute("role");
      element.removeAttribute("aria-label");
      return;
    }
    const { across, per, sheets } = arranged;
    element.style.setProperty("--across", across);
    element.style.setProperty("--x", (at % per) % across);
    element.style.setProperty("--y", Math.floor((at % per) / across));
    element.style.backgroundImage = `url(${url(sheets[Math.floor(at / per)])})`;
    element.title = element.getAttribute("aria-label");
    element.classList.add("shown");
  }

  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        show(entry.target);
      }
    },
    { rootMargin: "400px" },
  );

  function watch(element) {
    if (place(element) < 0) show(element);
    else seen.observe(element);
  }

  // The element of the picture with this number; of the name where there is none.
  pyalign.picture = (number, name, label) => {
    const made = pyalign.element("span", { class: "picture" }, pyalign.element("bdi", {}, name));
    if (number === null || number === undefined) {
      made.classList.add("none");
      return made;
    }
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", label || name);
    made.dataset.tile = number;
    watch(made);
    return made;
  };

  const placed = () => document.querySelectorAll(".picture[data-tile]");
  placed().forEach(watch);
  pyalign.beforePrint.push(() => placed().forEach(show));
})();
