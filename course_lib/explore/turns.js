// The rules of the scheduler game, as course_lib.explore.turns has them. These are pure functions;
// scheduler.js follows.

export const NOBODY = -1;

const REACHED = {
  meet: ["met"],
  lose: ["lost"],
  deadlock: ["deadlock"],
  protect: ["lost", "deadlock"],
};

// Make a level of what the file has, with a plan for each thread if it leaves a choice.
export function readLevel(content, plans = {}) {
  const chosen = { ...content.start, ...plans };
  const names = Object.keys(content.threads);
  const steps = names.map((name) => {
    const own = content.threads[name];
    return (Array.isArray(own) ? own : own[chosen[name]]).map(readStep);
  });
  const locked = steps.flat().filter(([does]) => does === "lock").map(([, what]) => what);
  const { cores, memory = {}, right = {}, goal } = content;
  const by = names.map((name) => goal.by?.[name] ?? 0);
  const waits = steps.flat().some(([does]) => does === "wait");
  return {
    cores, names, steps, by, waits, right, goal: goal.kind, to: goal.to,
    memory: Object.keys(memory), values: Object.values(memory), locks: [...new Set(locked)].sort(),
  };
}

function readStep(text) {
  const [does, what] = text.split(" ");
  return /^[a-z]/.test(what) ? [does, what, 1] : [does, "", Number(what)];
}

// The state before the first turn.
export function begin({ steps, values, locks }) {
  const none = steps.map(() => 0);
  return {
    clock: 0, // how many turns are over
    picked: [], // whom the first cores run in this turn
    at: none, // how many steps are done
    left: steps.map((own) => lengthOf(own[0])), // turns that the present step still needs
    register: none, // what was read, and added to
    done: none, // after which turn it was done; 0: it isn't
    memory: values,
    holders: locks.map(() => NOBODY),
  };
}

function lengthOf([does, , much]) {
  return does === "compute" || does === "wait" ? much : 1;
}

// What a thread is: "ready", "running", "waiting", "blocked" (by a lock) or "done".
export function statusOf({ steps, locks }, state, thread) {
  if (state.picked.includes(thread)) return "running";
  if (state.at[thread] === steps[thread].length) return "done";
  const [does, what] = steps[thread][state.at[thread]];
  if (does === "wait") return "waiting";
  return does === "lock" && state.holders[locks.indexOf(what)] !== NOBODY ? "blocked" : "ready";
}

// Who may run next; none if the game is over, or if nobody ever can.
export function choicesOf(level, state) {
  if (verdictOf(level, state)) return [];
  const ready = threadsOf(level, state, "ready");
  return level.waits || level.cores > 1 ? [...ready, NOBODY] : ready;
}

function threadsOf(level, state, status) {
  return [...level.names.keys()].filter((thread) => statusOf(level, state, thread) === status);
}

// Give the next core to a thread, or to nobody. A turn is over when each core has its thread, or
// when nobody is left who could run.
export function move(level, before, thread) {
  let state = { ...before, picked: [...before.picked, thread] };
  if (thread !== NOBODY) state = run(level, state, thread);
  const anybody = threadsOf(level, state, "ready").length > 0;
  if (state.picked.length < level.cores && anybody) return state;
  const clock = state.clock + 1;
  for (const other of threadsOf(level, state, "waiting")) state = advance(level, state, other);
  const ended = (thread) => (state.at[thread] === level.steps[thread].length ? clock : 0);
  return { ...state, clock, picked: [], done: state.done.map((end, at) => end || ended(at)) };
}

// Let a thread do one turn's worth of its present step.
function run(level, state, thread) {
  const [does, what, much] = level.steps[thread][state.at[thread]];
  const variable = level.memory.indexOf(what);
  const acts = {
    read: () => put(state, "register", thread, state.memory[variable]),
    add: () => put(state, "register", thread, state.register[thread] + much),
    write: () => put(state, "memory", variable, state.register[thread]),
    lock: () => put(state, "holders", level.locks.indexOf(what), thread),
    unlock: () => put(state, "holders", level.locks.indexOf(what), NOBODY),
  };
  return advance(level, acts[does]?.() ?? state, thread);
}

function advance({ steps }, state, thread) {
  if (state.left[thread] > 1) return put(state, "left", thread, state.left[thread] - 1);
  const at = state.at[thread] + 1;
  const next = steps[thread][at];
  return put(put(state, "at", thread, at), "left", thread, next ? lengthOf(next) : 0);
}

function put(state, field, at, value) {
  return { ...state, [field]: state[field].map((old, place) => (place === at ? value : old)) };
}

// How a game has ended: "met", "late", "right", "lost", "other" or "deadlock"; empty if it goes on.
export function verdictOf(level, state) {
  if (level.goal === "meet") {
    if (state.done.some((end, at) => !end && state.clock >= level.by[at])) return "late";
    return state.done.every((end) => end) ? "met" : "";
  }
  const all = level.names.map((_, thread) => statusOf(level, state, thread));
  if (all.every((status) => status === "done")) {
    const holds = (wanted) => level.memory.every((name, at) => state.memory[at] === wanted[name]);
    if (level.goal === "deadlock" || holds(level.right)) return "right";
    return !level.to || holds(level.to) ? "lost" : "other";
  }
  return all.every((status) => status === "done" || status === "blocked") ? "deadlock" : "";
}

// Whether the goal is reached: by the learner, or, where something is to be protected, by the adversary.
export function isReached(level, state) {
  return REACHED[level.goal].includes(verdictOf(level, state));
}

// Try every order of turns, each state only once: how many orders there are, how many of them reach
// the goal, how many states, and one order that does, as moves.
export function search(level) {
  const known = new Map();
  function count(state) {
    const key = JSON.stringify(state);
    if (!known.has(key)) known.set(key, ways(state));
    return known.get(key);
  }
  function ways(state) {
    if (verdictOf(level, state)) return [1, Number(isReached(level, state))];
    const all = choicesOf(level, state).map((thread) => count(move(level, state, thread)));
    return [0, 1].map((which) => all.reduce((sum, way) => sum + way[which], 0));
  }
  let state = begin(level);
  const [orders, reached] = count(state);
  const example = [];
  while (reached && !verdictOf(level, state)) {
    const leads = (thread) => count(move(level, state, thread))[1] > 0;
    const thread = choicesOf(level, state).find(leads);
    state = move(level, state, thread);
    example.push(thread);
  }
  return { orders, reached, states: known.size, example };
}

