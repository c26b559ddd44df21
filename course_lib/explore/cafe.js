// The coffee bar: what the learner moves. It is all in the browser, and asks no kernel.

const HINT =
  "Space: play, pause. ← →: previous, next change (on a slider: less, more). Home, End: to the " +
  "start, to the end. Tab: to the next control.";
const PACES = [0.5, 1, 2, 5, 10, 20, 50, 100]; // minutes in a second
const ENDURANCE = [0, 2, 5, 10, 20]; // minutes; 0: for ever

// Each setting that is a number: what it is called, from, to, in steps of, how it is said.
const SLIDERS = {
  baristas: ["baristas", 1, 6, 1, (n) => `${n}`],
  atOnce: ["orders at once", 1, 30, 1, (n) => `${n}`],
  orders: ["orders, all in all", 1, 300, 1, (n) => `${n}`],
  brew: ["share that is brewing", 0, 90, 5, (n) => `${n} %`],
  rate: ["orders that come a minute", 0.1, 2, 0.05, (n) => n.toFixed(2)],
};
const BOXES = { opening: "all orders are there at opening", shared: "one large order, shared by all" };

// The rows of the averages: what each is called, and what it is.
const MEANS = [
  ["orders in the bar (L)", "inBar"],
  ["of these in the queue", "queue"],
  ["of these in flight", "inFlight"],
  ["baristas busy", "busy"],
  ["orders that came in a minute (λ)", "rate"],
  ["minutes in the bar (W)", "stay"],
  ["λ × W", "product"],
  ["orders served in a minute", "served"],
];

const say = (number, digits = 2) => (Number.isFinite(number) ? number.toFixed(digits) : "–");

function render({ model, el }) {
  const facts = model.get("facts");
  const settings = { ...model.get("settings") };
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  let [bar, moment, speed, playing, last, told] = [null, 0, 1, false, 0, 0];
  let [place, layout, brush, where, frame, waiting] = [{ left: 0, scale: 0 }, null, null, [], 0, 0];

  const group = { role: "group", "aria-label": "Coffee bar" };
  const root = add(el, "div", { className: "course-player course-explorer course-cafe" }, group);
  const scene = add(add(root, "div", { className: "scene" }), "canvas", {}, { role: "img" });
  const stage = add(root, "div", { className: "stage" });
  const curve = add(stage, "canvas", {}, { role: "img" });
  const playhead = add(stage, "div", { className: "playhead" });
  const range = { type: "range", min: 0, step: "any", value: 0 };
  const time = add(root, "input", range, { "aria-label": "time" });
  const buttons = add(root, "div", { className: "controls" });
  button(buttons, "Previous change", () => step(-1));
  const start = button(buttons, "Play", toggle, "play");
  button(buttons, "Next change", () => step(1));
  const paces = PACES.map((pace) => [pace, `${pace} minute${pace === 1 ? "" : "s"} a second`]);
  const pace = choose(buttons, "Speed", paces, 1, (chosen) => (speed = Number(chosen)));
  const status = add(root, "div", {}, { role: "status" });
  const now = add(status, "p", { className: "numbers" });
  const parts = ["minute", "queue", "in flight", "baristas busy", "served", "gave up"];
  const shown = parts.map((text) => add(add(now, "span", { textContent: `${text} ` }), "b"));
  const result = add(status, "p");

  const columns = add(root, "div", { className: "columns" });
  const legend = add(root, "ul", {}, { "aria-label": "Legend" });
  const form = add(add(columns, "div"), "fieldset");
  add(form, "legend", { textContent: "The bar, and its orders" });
  const inputs = {};
  for (const [name, [text, min, max, size, words]] of Object.entries(SLIDERS)) {
    const range = { min, max, step: size };
    const input = (inputs[name] = slide(form, text, range, (value) => set({ [name]: value })));
    input.write = () => input.tell(settings[name], words(settings[name]));
  }
  for (const [name, text] of Object.entries(BOXES)) {
    const label = add(form, "label");
    const input = (inputs[name] = add(label, "input", { type: "checkbox" }));
    label.append(` ${text}`);
    input.write = () => (input.checked = settings[name]);
    input.addEventListener("change", () => set({ [name]: input.checked }));
  }
  const waits = ENDURANCE.map((n) => [n, n ? `after ${n} minutes` : "never"]);
  const patience = (inputs.patience = choose(form, "Who isn't taken gives up", waits, 0, (chosen) =>
    set({ patience: Number(chosen) })));
  patience.write = () => (patience.value = settings.patience);

  const side = add(columns, "div");
  const map = add(add(side, "div"), "canvas", {}, { role: "img", "aria-label": "The quadrant" });
  const heads = ["bar", "minutes", "in flight", "baristas busy", "gave up", "room"];
  const bars = tabulate(root, "Four bars, and yours, with these orders (simulated)", heads, "bars");
  const names = [...facts.bars.map(({ name }, at) => `${at + 1}: ${name}`), "yours: as set above"];
  const rows = names.map((name, at) => {
    const row = add(bars, "tr");
    const head = add(row, "th", {}, { scope: "row" });
    if (facts.bars[at]) button(head, name, () => set(facts.bars[at].settings));
    else head.textContent = name;
    return heads.slice(1).map(() => add(row, "td"));
  });
  const means = tabulate(root, "On average since opening", ["what", "until now", "the whole run"]);
  const cells = MEANS.map(([text]) => {
    const row = add(means, "tr");
    add(row, "th", { textContent: text }, { scope: "row" });
    return [add(row, "td"), add(row, "td")];
  });
  add(root, "p", {
    textContent:
      "Little's law says L = λ × W. Until now, those who are still in the bar have spent minutes " +
      "that W doesn't know of yet: the longer the run, the less that matters. In flight leaves " +
      "the queue out, and so has minutes of its own: those from an order's begin to its end.",
  });
  unfold(root, "Keys", HINT);

  // A run, with what is needed to draw it.
  function play(chosen) {
    const run = runBar(chosen);
    const name = (at) => (at < 26 ? String.fromCharCode(65 + at) : `${at + 1}`);
    const color = (at) => facts.colors[at % facts.colors.length];
    const places = chosen.shared ? 1 : chosen.atOnce;
    const { colors } = facts;
    return { ...run, name, color, colors, places, baristas: chosen.baristas, moments: momentsOf(run) };
  }

  function roomOf({ inFlight, busy }) {
    return facts.rooms[2 * (inFlight > facts.wall) + (busy > facts.wall)];
  }

  // Change settings: run the bar anew, and the four bars with the same orders.
  function set(changed) {
    const atEnd = bar !== null && moment >= bar.end;
    Object.assign(settings, changed);
    for (const input of Object.values(inputs)) input.write();
    inputs.atOnce.disabled = inputs.opening.disabled = settings.shared;
    inputs.rate.disabled = settings.opening || settings.shared;
    bar = play(settings);
    where = [];
    time.max = bar.end;
    moment = atEnd ? bar.end : Math.min(moment, bar.end);
    speed = PACES.find((one) => bar.end / MINUTE / one <= 15) ?? PACES.at(-1);
    pace.value = speed;
    const runs = facts.bars.map(({ settings: own }) => numbersOf(runBar({ ...settings, ...own })));
    runs.push(numbersOf(bar));
    runs.forEach((run, at) => {
      const numbers = [say(run.makespan / MINUTE, 1), say(run.inFlight), say(run.busy), run.lost];
      [...numbers, roomOf(run)].forEach((text, cell) => (rows[at][cell].textContent = text));
    });
    bar.marks = runs.map((run, at) => ({ ...run, label: `${at + 1}`, color: at + 1 }));
    Object.assign(bar.marks.at(-1), { label: "yours", color: 0 });
    result.textContent = sentence(runs.at(-1));
    describe(runs);
    redraw();
  }

  function sentence(run) {
    const { baristas, atOnce, shared } = settings;
    const staff = `${baristas} barista${baristas === 1 ? "" : "s"}`;
    const at = shared ? "one large order, shared" : `${atOnce} at once`;
    const gone = run.lost ? `, ${run.lost} of ${bar.lives.length} gave up` : "";
    return `${staff}, ${at}: ${say(run.makespan / MINUTE, 1)} minutes${gone}; ${roomOf(run)}.`;
  }

  function describe(runs) {
    const most = bar.moments.reduce((high, one) => Math.max(high, countAt(bar, one).queue), 0);
    const text = `Orders in the bar over ${say(bar.end / MINUTE, 1)} minutes: the queue has ${most} at most.`;
    curve.setAttribute("aria-label", text);
    const said = runs.map((run, at) =>
      `${names[at]}, ${say(run.inFlight)} in flight, ${say(run.busy)} baristas busy, ${roomOf(run)}`);
    map.setAttribute("aria-label", `The quadrant, simulated. ${said.join("; ")}.`);
  }

  function show(glide = 1) {
    const { queue, flight, busy } = countAt(bar, moment);
    const count = (when) => bar.lives.filter((life) => life[when] <= moment).length;
    const said = [say(moment / MINUTE, 1), queue, flight, busy, count("finish"), count("lost")];
    shown.forEach((element, at) => {
      if (element.textContent !== `${said[at]}`) element.textContent = said[at];
    });
    if (!layout) return;
    paintScene(brush, layout, bar, moment, where, glide);
    time.value = moment;
    playhead.style.transform = `translateX(${place.left + moment * place.scale}px)`;
    if (playing && performance.now() - told < 100) return; // nobody reads sixty tables a second
    told = performance.now();
    const numbers = `queue ${queue}, in flight ${flight}, baristas busy ${busy}`;
    scene.setAttribute("aria-label", `The bar at minute ${said[0]}: ${numbers}.`);
    time.setAttribute("aria-valuetext", `minute ${said[0]}, ${numbers}`);
    [moment, bar.end].forEach((until, column) => {
      const found = averages(bar, until);
      const values = { ...found, product: found.rate * found.stay };
      MEANS.forEach(([, name], at) => (cells[at][column].textContent = say(values[name])));
    });
  }

  function draw() {
    waiting = 0;
    const width = root.clientWidth - 8;
    if (width <= 0) return;
    layout = arrange(width, bar);
    brush = brushFor(scene, layout.width, layout.height);
    place = paintCurve(curve, bar);
    paintQuadrant(map, bar.marks, facts);
    time.style.marginLeft = `${place.left - 8}px`; // its knob stands where the playhead does
    time.style.width = `${stage.clientWidth - place.left + 8}px`;
    show();
  }

  function redraw() {
    waiting ||= requestAnimationFrame(draw);
  }

  function go(to) {
    moment = Math.min(Math.max(to, 0), bar.end);
    show();
  }

  function step(direction) {
    pause();
    const at = countUpTo(bar.moments, moment);
    const here = bar.moments[at - 1] === moment ? 2 : 1;
    go(direction > 0 ? bar.moments[at] ?? bar.end : bar.moments[at - here] ?? 0);
  }

  function tick(clock) {
    if (!playing) return;
    const passed = Math.max(Math.min(clock - last, 100), 0) / 1000; // a hidden page has stopped
    last = clock;
    moment = Math.min(bar.end, moment + passed * speed * MINUTE);
    show(still.matches ? 1 : Math.min(1, passed * 12));
    if (moment >= bar.end) pause();
    else frame = requestAnimationFrame(tick);
  }

  function toggle() {
    if (playing) return pause();
    if (moment >= bar.end) moment = 0;
    [playing, last] = [true, performance.now()];
    start.textContent = "Pause";
    status.setAttribute("aria-live", "off"); // nobody can listen to sixty numbers a second
    frame = requestAnimationFrame(tick);
  }

  function pause() {
    playing = false;
    cancelAnimationFrame(frame);
    start.textContent = "Play";
    status.setAttribute("aria-live", "polite");
    show();
  }

  function spell() {
    legend.replaceChildren();
    const marks = [["run", "a barista's hands"], ["wait", "brewing"], ["ready", "ready, no barista free"],
      ["taken", "taken, not begun: still in the queue"]];
    for (const [kind, text] of marks) {
      explain(legend, text, 18, (brush) => {
        if (kind !== "taken") mark(brush, kind, "#767676", 1, 9, 32, kind === "wait" ? 3 : 16);
        else {
          brush.context.setLineDash([4, 3]);
          brush.context.strokeStyle = "#767676";
          brush.context.strokeRect(1.5, 1.5, 31, 15);
        }
      });
    }
    add(legend, "li", { textContent: "curve: solid is in flight, hatched on top is the queue" });
  }

  onKeys(root, {
    " ": toggle,
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    Home: () => go(0),
    End: () => go(bar.end),
  });
  time.addEventListener("input", () => go(Number(time.value)));
  onHold(stage, (event) => go((pointOn(stage, event).x - place.left) / place.scale));

  set({});
  const leave = attend(root, () => (spell(), redraw()), scene, pause);
  return () => {
    pause();
    cancelAnimationFrame(waiting);
    leave();
  };
}

export default { render };
