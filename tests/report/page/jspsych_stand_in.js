// What examples/experiment/index.html calls of jsPsych 8 and of its html-button-response, in a few lines of our own: for
// tests where npm can't fetch jsPsych. Names, arguments and the columns of the data are those of jsPsych.
"use strict";

class DataCollection {
  constructor(trials = []) { this.trials = trials; }
  push(row) { this.trials.push(row); return this; }
  ignore(names) {
    const kept = (row) => Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));
    return new DataCollection(this.trials.map(kept));
  }
  csv() {
    const names = [...new Set(this.trials.flatMap(Object.keys))];
    const lines = [names, ...this.trials.map((row) => names.map((name) => row[name] ?? ""))];
    const quoted = (cell) => `"${String(cell).replaceAll('"', '""')}"`;
    return lines.map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");
  }
  localSave(format, name) {
    if (format !== "csv") throw new Error(format);
    const href = URL.createObjectURL(new Blob([this.csv()], { type: "text/plain" }));
    Object.assign(document.createElement("a"), { href, download: name }).click();
  }
}

const jsPsychHtmlButtonResponse = {
  play(display, trial) { // -> what was answered
    display.innerHTML = `<div>${trial.stimulus}</div><div>${trial.choices.map(trial.button_html).join("")}</div>${trial.prompt}`;
    const start = performance.now();
    return new Promise((done) => [...display.children[1].children].forEach((button, response) => {
      button.onclick = () => done({ rt: Math.round(performance.now() - start), stimulus: trial.stimulus, response });
    }));
  },
};

function initJsPsych({ display_element: display, default_iti: pause, on_data_update: update }) {
  let results = new DataCollection();
  return {
    data: { get: () => results, reset: () => { results = new DataCollection(); } },
    pluginAPI: {
      preloadImages: (sources, complete, load, error) => Promise.all(sources.map((source) => new Promise((done) => {
        Object.assign(new Image(), { onload: done, onerror: () => error({ source }) }).src = source;
      }))).then(complete),
    },
    run: async (trials) => {
      for (const [index, trial] of trials.entries()) {
        const row = { ...trial.data, ...(await trial.type.play(display, trial)), trial_index: index };
        trial.on_finish(row);
        results.push(row);
        update(row);
        display.replaceChildren();
        await new Promise((done) => setTimeout(done, pause));
      }
    },
  };
}
