// The timeline player: what the learner moves. It is all in the browser, and asks no kernel.

const HELP =
  "Space: play, pause. ← →: previous, next change. Home, End: to the start, to the end. " +
  "+ −: zoom. 0: the whole run. Shift with ← →: move the view, when zoomed. " +
  "Pointer: click to go there, drag to move the view, Ctrl with the wheel to zoom.";

function render({ model, el }) {
  const trace = unpack((name) => model.get(name));
  const [numbersAt, stops, { end }] = [runningNumbers(trace), changes(trace), trace];
  const pace = speeds(end);
  const decimals = Math.min(9, Math.max(3, 2 - Math.floor(Math.log10(end))));
  const view = { from: 0, to: end };
  let [moment, speed, by, playing, last, told] = [0, pace.usual, model.get("by"), false, 0, 0];
  let [place, waiting, frame] = [{ left: 0, scale: 0 }, 0, 0];

  const group = { role: "group", "aria-label": "Timeline player" };
  const root = add(el, "div", { className: "course-player" }, group);
  const stage = add(root, "div", { className: "stage" });
  const canvas = add(stage, "canvas", {}, { role: "img", "aria-label": trace.description });
  const playhead = add(stage, "div", { className: "playhead" });
  const range = { type: "range", min: 0, max: end, step: "any", value: 0 };
  const time = add(root, "input", range, { "aria-label": "time" });
  const buttons = add(root, "div", { className: "controls" });
  button(buttons, "Previous change", () => step(-1));
  const start = button(buttons, "Play", toggle, "play");
  button(buttons, "Next change", () => step(1));
  const paces = pace.choices.map((one) => [one, spell(one)]);
  choose(buttons, "Speed", paces, speed, (chosen) => (speed = Number(chosen)));
  const ways = ["task", "worker", "core"].map((one) => [one, `by ${one}`]);
  const rows = choose(buttons, "Rows", ways, by, arrange);
  button(buttons, "Zoom +", () => zoom(1 / 2));
  button(buttons, "Zoom −", () => zoom(2));
  button(buttons, "Whole run", () => zoom(Infinity));
  const status = add(root, "div", {}, { role: "status" });
  const numbers = add(status, "p", { className: "numbers" });
  const [now, flight, busy] = ["time", "in flight", "cores busy"].map((text) =>
    add(add(numbers, "span", { textContent: `${text} ` }), "b"),
  );
  now.after(` s of ${end.toFixed(decimals)} s`);
  const acts = add(status, "p", { className: "doing" });
  const legend = add(root, "ul", {}, { "aria-label": "Legend" });
  add(root, "p", { textContent: `The whole run: ${trace.numbers}` });
  unfold(root, "Keys and pointer", HELP);

  function describeMoment() {
    const { inFlight, busy: cores } = numbersAt(moment);
    return [moment.toFixed(decimals), `${inFlight}`, Number.isNaN(cores) ? "–" : `${cores}`];
  }

  function show() {
    const said = describeMoment();
    [now, flight, busy].forEach((element, at) => {
      if (element.textContent !== said[at]) element.textContent = said[at];
    });
    acts.textContent = playing ? "" : doing(trace, moment) || "Nothing is recorded here.";
    time.value = moment;
    if (!playing || performance.now() - told > 1000) {
      told = performance.now();
      const cores = said[2] === "–" ? "not seen" : said[2];
      const text = `${said[0]} s, in flight ${said[1]}, cores busy ${cores}`;
      time.setAttribute("aria-valuetext", text);
    }
    const inside = moment >= view.from && moment <= view.to;
    playhead.style.visibility = inside ? "visible" : "hidden";
    playhead.style.transform = `translateX(${place.left + (moment - view.from) * place.scale}px)`;
  }

  function draw() {
    waiting = 0;
    if (!stage.clientWidth) return;
    place = paint(canvas, trace, by, view);
    time.style.marginLeft = `${place.left - 8}px`; // its knob stands where the playhead does
    time.style.width = `${stage.clientWidth - place.left + 8}px`;
    show();
  }

  function redraw() {
    waiting ||= requestAnimationFrame(draw);
  }

  function look(from, width = view.to - view.from) {
    const wide = Math.min(end, Math.max(width, end / 1e5));
    view.from = Math.min(Math.max(from, 0), end - wide);
    view.to = view.from + wide;
    redraw();
  }

  function pan(from) {
    pause(); // or else the view would follow the playhead
    look(from);
  }

  function zoom(factor, around = moment) {
    const wide = Math.min(end, (view.to - view.from) * factor);
    const inside = around >= view.from && around <= view.to;
    const part = inside ? (around - view.from) / (view.to - view.from) : 0.5;
    look(around - part * wide, wide);
  }

  function go(to) {
    const before = moment;
    moment = Math.min(Math.max(to, 0), end);
    const wide = view.to - view.from;
    if (moment < view.from || moment > view.to) look(moment - wide * (moment > before ? 0.1 : 0.9));
    show();
  }

  function step(direction) {
    pause();
    const at = countUpTo(stops, moment);
    const here = stops[at - 1] === moment ? 2 : 1;
    go(direction > 0 ? stops[at] ?? end : stops[at - here] ?? 0);
  }

  function tick(clock) {
    if (!playing) return;
    const passed = Math.min(clock - last, 100) / 1000; // a hidden page has stopped meanwhile
    last = clock;
    go(moment + Math.max(passed, 0) * speed);
    if (moment >= end) pause();
    else frame = requestAnimationFrame(tick);
  }

  function toggle() {
    if (playing) return pause();
    if (moment >= end) go(0);
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

  function arrange(value) {
    rows.value = by = value;
    canvas.setAttribute("aria-label", `${trace.description} Rows by ${by}.`);
    legend.replaceChildren();
    trace.kinds.forEach(([name, text, size], kind) => {
      if (!trace.kind.some((one, at) => one === kind && trace.rows[by][at] >= 0)) return;
      const paint = (brush) => mark(brush, name, "#767676", 1, 8, 32, Math.max(size * 24, 2));
      explain(legend, text, 16, paint);
    });
    redraw();
  }

  onKeys(root, {
    " ": toggle,
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    Home: () => go(0),
    End: () => go(end),
    "+": () => zoom(1 / 2),
    "=": () => zoom(1 / 2), // the key of + without Shift
    "-": () => zoom(2),
    0: () => zoom(Infinity),
    "Shift ArrowLeft": () => pan(view.from - (view.to - view.from) / 4),
    "Shift ArrowRight": () => pan(view.from + (view.to - view.from) / 4),
  });
  time.addEventListener("input", () => go(Number(time.value)));
  const under = (event) => view.from + (pointOn(stage, event).x - place.left) / place.scale;
  let grip = null;
  onHold(stage, (event) => {
    grip = { x: pointOn(stage, event).x, from: view.from, moved: false };
  }, (event) => {
    const way = pointOn(stage, event).x - grip.x;
    grip.moved ||= Math.abs(way) > 4;
    if (view.to - view.from >= end) go(under(event));
    else if (grip.moved) pan(grip.from - way / place.scale);
  }, (event) => {
    if (!grip.moved) go(under(event));
    time.focus();
  });
  const wheel = (event) => {
    const sideways = event.deltaX || (event.shiftKey ? event.deltaY : 0);
    if (event.ctrlKey) zoom(2 ** (event.deltaY / 200), under(event));
    else if (sideways && view.to - view.from < end) pan(view.from + sideways / place.scale);
    else return;
    event.preventDefault();
  };
  stage.addEventListener("wheel", wheel, { passive: false });

  const asked = () => arrange(model.get("by"));
  const leave = attend(stage, () => arrange(by), stage, pause);
  model.on("change:by", asked);
  arrange(by);
  show();
  return () => {
    pause();
    cancelAnimationFrame(waiting);
    leave();
    model.off("change:by", asked);
  };
}

export default { render };
