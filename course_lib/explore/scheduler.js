// The scheduler game: what the learner moves. It is all in the browser, and asks no kernel.

const HELP =
  "A, B, C …: run that thread. 0: leave a core idle. ← (or U): undo. →: redo. R: restart. " +
  "P: replay, pause. H: hint. T: let the adversary try. N: next level. Tab: to the next control.";
const PACE = 2.5; // turns a second, in a replay
const GLIDE = 6; // and after a move

function render({ model, el }) {
  const { levels, colors } = model.get("facts");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const solved = new Set();
  let [number, plans, level, moves, cursor, hints] = [0, {}, null, [], 0, 0];
  let states = []; // all of them; the game stands at states[cursor]
  let [shown, replaying, last, frame] = [0, false, 0, 0];

  const root = add(el, "div", { className: "course-player course-scheduler" },
    { role: "group", "aria-label": "Scheduler game" });
  const top = add(root, "div", { className: "controls" });
  const picker = choose(top, "Level", levels.map(({ title }, at) => [at, title]), 0, (at) => open(Number(at)));
  const next = button(top, "Next level", goOn);
  const story = add(root, "p");
  const fieldset = add(root, "fieldset", { className: "plans" });
  const stage = add(root, "div", { className: "stage" });
  const canvas = add(stage, "canvas", {}, { role: "img" });
  const playhead = add(stage, "div", { className: "playhead" });
  const legend = add(root, "ul", {}, { "aria-label": "Legend" });
  const numbers = add(root, "p", { className: "numbers" });
  const status = add(root, "div", { className: "said" }, { role: "status" });
  const cards = add(root, "div", { className: "threads" });
  const buttons = add(root, "div", { className: "controls" });
  const idle = button(buttons, "Leave a core idle", () => pick(NOBODY));
  const back = button(buttons, "Undo", undo);
  const forth = button(buttons, "Redo", redo);
  button(buttons, "Restart", restart);
  const replay = button(buttons, "Replay", toggle, "replay");
  button(buttons, "Hint", hint);
  const attack = button(buttons, "Let the adversary try", adversary);
  unfold(root, "Keys", HELP);
  let threads = []; // what can change of each card

  // A level, from its first turn.
  function open(at) {
    const held = root.contains(document.activeElement);
    number = at;
    [plans, hints] = [{ ...levels[number].start }, 0];
    picker.value = number;
    story.textContent = levels[number].story;
    fieldset.replaceChildren();
    const free = Object.keys(plans);
    fieldset.hidden = attack.hidden = !free.length;
    if (free.length) add(fieldset, "legend", { textContent: "Your defense" });
    for (const name of free) {
      const all = Object.keys(levels[number].threads[name]).map((plan) => [plan, plan]);
      choose(fieldset, `${name}:`, all, plans[name], (plan) => {
        plans[name] = plan;
        set();
      });
    }
    set(held);
  }

  // The level with the chosen plans, from its first turn. If it held the keyboard, it still does.
  function set(held = root.contains(document.activeElement)) {
    stop(); // while the states are still those of the old level
    level = readLevel(levels[number], plans);
    moves = [];
    cards.replaceChildren();
    threads = level.names.map((name, thread) => {
      const card = add(cards, "div");
      card.style.setProperty("--task", colors[thread]);
      const run = button(card, `Run ${name}`, () => pick(thread));
      const due = level.by[thread] ? `to be done after turn ${level.by[thread]}` : "";
      if (due) add(card, "p", { textContent: due });
      const list = add(card, "ul", {}, { "aria-label": `What ${name} does` });
      const steps = level.steps[thread].map((step) => add(list, "li", { textContent: wordsFor(step) }));
      return { run, steps, text: add(card, "p") };
    });
    idle.hidden = !level.waits && level.cores === 1;
    idle.textContent = `Leave ${level.cores > 1 ? "a" : "the"} core idle`;
    spell();
    restart();
    const now = document.activeElement;
    if (held && (!root.contains(now) || now.closest("[hidden]"))) threads[0].run.focus();
  }

  function restart() {
    stop();
    goTo(0, levels[number].title + ": the beginning.");
    shown = 0;
    draw();
  }

  function pick(thread) {
    stop();
    const state = states[cursor];
    if (!choicesOf(level, state).includes(thread)) return say(refusal(state, thread));
    if (moves[cursor] !== thread) moves = [...moves.slice(0, cursor), thread];
    redo();
  }

  function refusal(state, thread) {
    if (verdictOf(level, state)) return "This game is over: undo, restart, or choose another level.";
    if (thread === NOBODY) return "Nobody waits here, so no core need be idle.";
    const status = statusOf(level, state, thread);
    const why = sayStatus(level, state, thread);
    const said = { blocked: why, done: `it is ${why}` }[status] ?? `it ${why}`;
    return `${level.names[thread]} can't run: ${said}.`;
  }

  function undo() {
    stop();
    if (!cursor) return say("This is the beginning.");
    goTo(cursor - 1, "Undone.");
  }

  function redo() {
    stop();
    if (cursor === moves.length) return say("Nothing is undone.");
    const before = states[cursor];
    const after = move(level, before, moves[cursor]);
    goTo(cursor + 1, `Turn ${before.clock + 1}. ${tell(level, before, after, moves[cursor])}`);
    reward();
  }

  // Stand after so many moves, and say something.
  function goTo(at, text) {
    states = statesOf(level, moves);
    cursor = at;
    say(text, sayEnd(level, states[cursor]));
    refresh();
    glide();
  }

  function reward() {
    if (!isReached(level, states[cursor])) return;
    const found = search(level);
    if (level.goal === "protect") {
      return say(sayEnd(level, states[cursor]), `Broken, as by ${found.reached} of ${found.orders} orders.`);
    }
    win(`${found.reached.toLocaleString("en")} of ${found.orders.toLocaleString("en")} orders do it.`);
  }

  function win(text) {
    solved.add(number);
    const { title, after } = levels[number];
    picker.options[number].textContent = `${title} ✓`;
    say(`Solved. ${sayEnd(level, states[cursor])} ${text}`, after);
    refresh();
  }

  function adversary() {
    stop();
    if (attack.hidden) return say("Here the adversary is you.");
    const found = search(level);
    const [orders, many] = [found.orders, found.states].map((count) => count.toLocaleString("en"));
    if (!found.reached) return win(`The adversary tried all ${orders} orders (${many} states): none breaks it.`);
    moves = found.example;
    goTo(moves.length, "");
    const broken = `The adversary breaks it, by ${found.reached.toLocaleString("en")} of ${orders} orders.`;
    say(`${broken} ${sayEnd(level, states[cursor])}`, "Here is one of them: replay it, or go back and forth (← →).");
  }

  function hint() {
    const all = levels[number].hints;
    hints = Math.min(hints + 1, all.length);
    say(`Hint ${hints} of ${all.length}: ${all[hints - 1]}`);
  }

  function goOn() {
    if (number + 1 < levels.length) open(number + 1);
    else say("This is the last level.");
  }

  // Say one or two sentences, also to those who can't see them.
  function say(...sentences) {
    status.replaceChildren();
    for (const text of sentences.filter(Boolean)) add(status, "p", { textContent: text });
  }

  // Show the state in words.
  function refresh(state = states[cursor]) {
    const free = choicesOf(level, state);
    const disable = (element, on) => element.setAttribute("aria-disabled", `${on}`);
    threads.forEach(({ run, steps, text }, thread) => {
      disable(run, !free.includes(thread));
      const at = state.at[thread];
      steps.forEach((step, nth) => {
        step.className = nth < at ? "over" : "";
        if (nth === at) step.setAttribute("aria-current", "step");
        else step.removeAttribute("aria-current");
      });
      const read = level.steps[thread].slice(0, at).some(([does]) => does === "read");
      const more = read ? `; its own copy: ${state.register[thread]}` : "";
      text.textContent = sayStatus(level, state, thread) + more;
    });
    disable(idle, !free.includes(NOBODY));
    disable(back, !cursor);
    disable(forth, cursor === moves.length);
    disable(next, number + 1 === levels.length);
    next.className = solved.has(number) && number + 1 < levels.length ? "play" : "";
    numbers.replaceChildren();
    const core = level.cores > 1 ? [["next core", state.picked.length + 1]] : [];
    const memory = level.memory.map((name, at) => [name, state.memory[at]]);
    const held = level.locks.map((lock, at) => [`${lock}'s lock`, level.names[state.holders[at]] ?? "free"]);
    for (const [text, value] of [["turns over", state.clock], ...core, ...memory, ...held]) {
      add(add(numbers, "span", { textContent: `${text} ` }), "b", { textContent: value });
    }
    canvas.setAttribute("aria-label", describe(level, states.slice(0, cursor + 1), moves));
  }

  function draw() {
    if (!stage.clientWidth) return;
    const until = still.matches ? Math.floor(shown) : shown; // turn by turn, with nothing that glides
    const game = { level, states: replaying ? states : states.slice(0, cursor + 1), moves, colors };
    const { left, scale } = paintTurns(canvas, game, until);
    playhead.style.transform = `translateX(${left + until * scale}px)`;
  }

  // Move the playhead to where the game stands.
  function glide() {
    cancelAnimationFrame(frame);
    const target = states[cursor].clock;
    if (still.matches || shown > target) shown = target;
    last = performance.now();
    frame = requestAnimationFrame(tick);
  }

  function tick(clock) {
    const passed = Math.max(Math.min(clock - last, 100), 0) / 1000; // a hidden page has stopped
    last = clock;
    const end = states[replaying ? states.length - 1 : cursor].clock;
    shown = Math.min(end, shown + passed * (replaying ? PACE : GLIDE));
    if (replaying) {
      const reached = states.findLastIndex(({ clock }) => clock <= shown);
      if (reached !== cursor) refresh(states[(cursor = reached)]);
      if (shown >= end) return stop();
    }
    draw();
    if (shown < end) frame = requestAnimationFrame(tick);
  }

  function toggle() {
    if (replaying) return stop();
    if (!moves.length) return say("Nobody has run yet.");
    cancelAnimationFrame(frame);
    if (cursor === moves.length) cursor = 0;
    [replaying, shown, last] = [true, states[cursor].clock, performance.now()];
    replay.textContent = "Pause";
    refresh();
    frame = requestAnimationFrame(tick);
  }

  function stop() {
    if (!replaying) return;
    replaying = false;
    cancelAnimationFrame(frame);
    replay.textContent = "Replay";
    shown = states[cursor].clock;
    draw();
  }

  function spell() {
    legend.replaceChildren();
    const all = [["run", "runs", 16], ["ready", "ready, not chosen", 12]];
    if (level.waits) all.push(["wait", "waits", 3]);
    if (level.locks.length) all.push(["held", "waits for a lock", 3]);
    for (const [kind, text, height] of all) {
      explain(legend, text, 18, (brush) => mark(brush, kind, "#767676", 1, 9, 32, height));
    }
    if (level.goal === "meet") add(legend, "li", { textContent: "‖ deadline" });
  }

  const run = Object.fromEntries([..."abcde"].flatMap((letter, thread) => {
    const act = () => thread < level.names.length && pick(thread);
    return [[letter, act], [letter.toUpperCase(), act]];
  }));
  const others = { u: undo, r: restart, p: toggle, h: hint, t: adversary, n: goOn };
  const both = Object.entries(others).flatMap(([key, act]) => [[key, act], [key.toUpperCase(), act]]);
  onKeys(root, {
    ...run,
    ...Object.fromEntries(both),
    0: () => pick(NOBODY),
    ArrowLeft: undo,
    ArrowRight: redo,
  });

  open(0);
  const leave = attend(root, () => requestAnimationFrame(() => (spell(), draw())), stage, stop);
  return () => {
    stop();
    cancelAnimationFrame(frame);
    leave();
  };
}

export default { render };
