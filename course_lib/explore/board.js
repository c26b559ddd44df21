// How a game of turns is said in words, and drawn: a row a thread, a column a turn.

const ROW = 36; // pixels from row to row
const NAMES = 46; // and for the threads' names, on the left

// All states of a game, one more than moves.
function statesOf(level, moves) {
  const states = [begin(level)];
  for (const thread of moves) states.push(move(level, states.at(-1), thread));
  return states;
}

function wordsFor([does, what, much]) {
  return `${does} ${what || much}`;
}

// What somebody did, in a sentence.
function tell(level, before, after, thread) {
  if (thread === NOBODY) return `${level.cores > 1 ? "A" : "The"} core is left idle.`;
  const [name, register] = [level.names[thread], after.register[thread]];
  const [does, what, much] = level.steps[thread][before.at[thread]];
  return {
    compute: `${name} computes.`,
    read: `${name} reads ${what}: ${register}.`,
    add: `${name} ${much < 0 ? `takes ${-much} from` : `adds ${much} to`} what it has read: ${register}.`,
    write: `${name} writes ${register} to ${what}.`,
    lock: `${name} takes ${what}'s lock.`,
    unlock: `${name} gives ${what}'s lock back.`,
  }[does];
}

// What a thread does, or why it doesn't go on, in words.
function sayStatus(level, state, thread) {
  const [, what] = level.steps[thread][state.at[thread]] ?? [];
  const turns = state.left[thread];
  return {
    running: "runs in this turn",
    done: state.done[thread] ? `done after turn ${state.done[thread]}` : "done",
    waiting: `waits, ${turns} more turn${turns === 1 ? "" : "s"}`,
    blocked: `${level.names[state.holders[level.locks.indexOf(what)]]} has ${what}'s lock`,
    ready: turns > 1 ? `ready, ${turns} turns to go` : "ready",
  }[statusOf(level, state, thread)];
}

// How a game has ended, in a sentence.
function sayEnd(level, state) {
  const late = level.names.filter((_, at) => !state.done[at] && state.clock >= level.by[at]);
  const now = level.memory.map((name, at) => `${name} is ${state.memory[at]}`).join(", ");
  const wanted = Object.values(level.right).join(" and ");
  return {
    "": "",
    met: "All are done in time.",
    late: `Turn ${state.clock} is over, and ${late.join(" and ")} ${late.length > 1 ? "aren't" : "isn't"} done: too late.`,
    right: `All are done${level.memory.length ? `, and ${now}, as it should be` : ", and nobody got stuck"}.`,
    lost: `${now}, and should be ${wanted}: an update is lost.`,
    other: `${now}: that is wrong, but not yet what is asked for.`,
    deadlock: "Nobody can ever go on: a deadlock.",
  }[verdictOf(level, state)];
}

// How many turns are to be shown: all that there may be, as far as that is known.
function horizon(level, states) {
  const all = level.steps.flat().map(lengthOf).reduce((sum, length) => sum + length, 0);
  const longest = level.goal === "meet" ? Math.max(...level.by) : all;
  const { clock, picked } = states.at(-1);
  return Math.max(longest, clock + Math.sign(picked.length));
}

// What each thread did in each turn that is over: [thread, turn, kind, words].
function marksOf(level, states, moves) {
  const marks = [];
  let first = states[0]; // of this turn
  states.slice(1).forEach((state, at) => {
    const before = states[at];
    if (!before.picked.length) first = before;
    if (state.clock === before.clock) return;
    const ran = [...before.picked, moves[at]];
    level.names.forEach((_, thread) => {
      const status = statusOf(level, first, thread);
      if (status === "done") return;
      const kinds = { ready: "ready", waiting: "wait", blocked: "held" };
      const kind = ran.includes(thread) ? "run" : kinds[status];
      marks.push([thread, before.clock, kind, level.steps[thread][first.at[thread]][0]]);
    });
  });
  return marks;
}

// Draw what happened up to a moment; return where moments are: x = left + moment * scale.
function paintTurns(canvas, { level, states, moves, colors }, until) {
  const turns = horizon(level, states);
  const width = canvas.parentElement.clientWidth;
  const bottom = TOP + level.names.length * ROW;
  const brush = brushFor(canvas, width, bottom + AXIS);
  const { context, ink, paper } = brush;
  const scale = Math.min(72, (width - NAMES - 10) / turns);
  const middle = (thread) => TOP + (thread + 0.5) * ROW;
  context.fillStyle = ink;
  level.names.forEach((name, thread) => context.fillText(name, 8, middle(thread)));
  context.save();
  context.beginPath();
  context.rect(NAMES, 0, until * scale, bottom);
  context.clip();
  for (const [thread, turn, kind, text] of marksOf(level, states, moves)) {
    const [x, height] = [NAMES + turn * scale, { run: 26, ready: 16, wait: 3, held: 3 }[kind]];
    mark(brush, kind, colors[thread], x + 0.5, middle(thread), scale - 1, height);
    if (kind !== "run" || context.measureText(text).width + 6 > scale) continue;
    context.fillStyle = inkOn(colors[thread]);
    context.textAlign = "center";
    context.fillText(text, x + scale / 2, middle(thread) + 1);
    context.textAlign = "left";
  }
  context.restore();
  const { clock, picked } = states.at(-1);
  context.setLineDash([3, 3]);
  context.lineWidth = 2;
  for (const thread of picked.filter((thread) => thread !== NOBODY)) { // for a turn that isn't over
    context.strokeStyle = colors[thread];
    context.strokeRect(NAMES + clock * scale + 2, middle(thread) - 12, scale - 4, 24);
  }
  level.by.forEach((turn, thread) => {
    if (!turn) return;
    const x = NAMES + turn * scale;
    context.fillStyle = paper;
    context.fillRect(x - 3, middle(thread) - 15, 6, 30);
    context.fillStyle = ink;
    for (const shift of [-2.5, 1]) context.fillRect(x + shift, middle(thread) - 15, 1.5, 30);
  });
  context.setLineDash([4, 3]); // simulated
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.strokeRect(NAMES - 0.5, 1.5, turns * scale + 1, bottom - 2);
  context.setLineDash([]);
  axis(brush, 0, turns, NAMES, scale, bottom, "turn");
  return { left: NAMES, scale };
}

// The same in words.
function describe(level, states, moves) {
  const said = moves.slice(0, states.length - 1).map((thread, at) => {
    const turn = states[at].clock + 1;
    return `${turn}: ${thread === NOBODY ? "nobody" : `${level.names[thread]}, ${wordsFor(level.steps[thread][states[at].at[thread]])}`}`;
  });
  return `Who ran in which turn. ${said.join("; ") || "Nobody has run yet"}.`;
}
