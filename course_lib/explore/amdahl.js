// Amdahl's law, to be moved. It is all in the browser, and asks no kernel.

const RANGES = [8, 16, 64, 256, 1024]; // workers that the chart may reach to
const FINEST = 0.999; // what a drag reaches; sliders go to 1
const FULL = `The chart ends at ${RANGES.at(-1)} workers: there is no room for twice as many.`;
const CHANGES = {
  now: "as it is",
  double: "double the cores",
  halve: "halve the serial part",
  both: "do both",
};

function render({ model, el }) {
  const facts = model.get("facts");
  const settings = { ...model.get("settings") };
  let [chart, brush, waiting] = [null, null, 0];

  const group = { role: "group", "aria-label": "Amdahl explorer" };
  const names = "course-player course-explorer course-amdahl";
  const root = add(el, "div", { className: names }, group);
  const columns = add(root, "div", { className: "columns" });
  const stage = add(add(columns, "div", { className: "wide" }), "div", { className: "stage" });
  const canvas = add(stage, "canvas", {}, { role: "img" });
  const side = add(columns, "div");
  const form = add(side, "fieldset");
  add(form, "legend", { textContent: "The program, and its machine" });
  const sliders = {
    parallel: slide(form, "parallel fraction P", { min: 0, max: 1, step: 0.005 }, (value) =>
      set({ parallel: value })),
    workers: slide(form, "workers N", { min: 1, step: 1 }, (value) => set({ workers: value })),
  };
  const ranges = RANGES.map((most) => [most, `${most} workers`]);
  const range = choose(form, "Chart up to", ranges, settings.most, (most) =>
    set({ most: Number(most), workers: Math.min(settings.workers, Number(most)) }));
  const status = add(side, "div", {}, { role: "status" });
  const numbers = add(status, "p", { className: "numbers" });
  const words = ["speed-up", "limit", "efficiency"];
  const shown = words.map((text) => add(add(numbers, "span", { textContent: `${text} ` }), "b"));
  const result = add(status, "p");
  const legend = add(root, "ul", {}, { "aria-label": "Legend" });
  const heads = ["what if", "N", "time", "speed-up", "limit", "efficiency"];
  const table = tabulate(root, "What if? (calculated)", heads);
  const buttons = {};
  const cells = Object.entries(CHANGES).map(([change, text]) => {
    const row = add(table, "tr");
    const head = add(row, "th", {}, { scope: "row" });
    if (change === "now") head.textContent = text;
    else {
      buttons[change] = button(head, text, () => apply(change));
    }
    return heads.slice(1).map(() => add(row, "td"));
  });
  add(root, "p", {
    textContent:
      "Time and speed-up compare with the program as it is, on one worker. Efficiency is " +
      "the use made of each worker: a changed program's own speed-up, divided by N. A button makes its change.",
  });
  unfold(
    root,
    "Keys",
    "Tab: to the next control. On a slider, ← →: less, more; Home, End: least, most. " +
    "With a mouse or a finger: drag the curve; to the right for more workers, up for a larger P.",
  );

  function set(changed) {
    Object.assign(settings, changed);
    const { parallel, workers, most } = settings;
    sliders.workers.max = most;
    sliders.parallel.tell(parallel, parallel.toFixed(3));
    sliders.workers.tell(workers, `${workers}`);
    range.value = most;
    const found = whatIf(settings);
    Object.values(found).forEach((row, at) => {
      const texts = [`${row.workers}`, `${say(100 * row.time, 1)}\u00a0%`, say(row.speedup), say(row.limit)];
      texts.push(`${say(100 * row.efficiency, 0)}\u00a0%`);
      texts.forEach((text, cell) => tell(cells[at][cell], text));
    });
    const { now } = found;
    const efficiency = `${say(100 * now.efficiency, 0)}\u00a0%`;
    [say(now.speedup), say(now.limit), efficiency].forEach((text, at) => tell(shown[at], text));
    tell(result, sentence(found));
    for (const change of ["double", "both"]) {
      buttons[change].setAttribute("aria-disabled", `${isFull()}`);
      buttons[change].title = isFull() ? FULL : "";
    }
    canvas.setAttribute("aria-label", describe(found));
    redraw();
  }

  function isFull() {
    return 2 * settings.workers > RANGES.at(-1);
  }

  function sentence({ now, halve, double }) {
    const [cores, serial] = [say(double.speedup), say(halve.speedup)];
    const more = serial === cores ? "both bring the same" :
      `${halve.speedup > double.speedup ? "halving the serial part" : "doubling the cores"} brings more`;
    return `From ${say(now.speedup)}: with twice the cores ${cores}, with half the serial part ${serial}; ${more}.`;
  }

  function describe({ now }) {
    const { parallel, workers, most } = settings;
    const count = facts.measured.length;
    const points = count > 20 ? `${count} points` :
      facts.measured.map(([n, speedup]) => `${say(speedup)} on ${n}`).join(", ");
    return `Speed-up over workers, 1 to ${most}. Calculated for P = ${parallel.toFixed(3)}: ` +
      `${say(now.speedup)} on ${workers}, limit ${say(now.limit)}.` +
      (points ? ` Measured: ${points}.` : "");
  }

  // Make a change for good: the new program's parallel fraction is a share of its own time.
  function apply(change) {
    if (change !== "halve" && isFull()) return tell(result, FULL);
    const { parallel, workers } = settings;
    const serial = (1 - parallel) / (change === "double" ? 1 : 2);
    const count = change === "halve" ? workers : 2 * workers;
    const most = RANGES.find((one) => one >= Math.max(count, settings.most));
    set({ parallel: parallel / (parallel + serial) || 0, workers: count, most });
  }

  // The curve goes through where it is held.
  function drag(event) {
    if (!chart) return;
    const { x, y } = pointOn(canvas, event);
    const workers = Math.round(chart.workersAt(x));
    const speedup = Math.min(workers, chart.speedupAt(y));
    const parallel = workers > 1 ? fractionOf(speedup, workers) : settings.parallel;
    set({ workers, parallel: Math.min(FINEST, Math.max(0, parallel)) });
  }

  // Fit the chart to its place. Moving a slider doesn't: to ask for sizes and colors takes time.
  function fit() {
    const width = stage.clientWidth;
    if (width <= 0) return;
    const height = Math.round(Math.max(220, Math.min(380, 0.62 * width)));
    chart = chartOf(width, height, settings.most);
    brush = brushFor(canvas, width, height);
    redraw();
  }

  function draw() {
    waiting = 0;
    if (!chart) return;
    if (chart.most !== settings.most) chart = chartOf(chart.width, chart.height, settings.most);
    paintChart(brush, chart, settings, facts.measured, facts.colors);
  }

  function redraw() {
    waiting ||= requestAnimationFrame(draw);
  }

  function tell(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function spell() {
    legend.replaceChildren();
    const item = (text, paint) => explain(legend, text, 20, paint);
    const [warm, blue, green] = facts.colors;
    const stroke = (brush, color, dash) => line(brush, [[0, 10], [34, 10]], color, 2, dash);
    const marked = (color, dash) => (brush) => {
      stroke(brush, color, dash);
      square(brush, 17, 10, color, 6);
    };
    item("calculated: Amdahl's law, and twice the cores", marked(blue, [7, 4]));
    item("calculated: half the serial part", marked(green, [3, 3]));
    item("limit, 1/(1 − P)", (brush) => stroke(brush, warm, [10, 4]));
    if (!facts.measured.length) return;
    item("measured", (brush) => point(brush, 17, 10, warm, 0));
    const slower = facts.measured.some(([, speedup]) => speedup < 1);
    if (slower) item("measured, below 1", (brush) => point(brush, 17, 15, warm, -1));
  }

  keepKeys(root);
  onHold(stage, drag);
  set({});
  const leave = attend(root, () => (spell(), fit()));
  return () => {
    cancelAnimationFrame(waiting);
    leave();
  };
}

export default { render };
