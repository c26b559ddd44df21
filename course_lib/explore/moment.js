// What is true of a trace at a moment. These are pure functions; drawing.js and player.js follow.

// A trace, from the columns that Python has packed.
export function unpack(get) {
  const copy = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  const columns = (array, count) =>
    Array.from({ length: count }, (_, at) =>
      array.subarray((at * array.length) / count, ((at + 1) * array.length) / count),
    );
  const [starts, stops] = columns(new Float64Array(copy(get("moments"))), 2);
  const [task, kind, worker, core] = columns(new Int32Array(copy(get("places"))), 4);
  const [begun, finished] = columns(new Float64Array(copy(get("lives"))), 2);
  const finish = finished.map((moment) => (Number.isNaN(moment) ? Infinity : moment));
  const reach = stops.slice(); // how far all spans up to this one reach
  for (let at = 1; at < reach.length; at++) reach[at] = Math.max(reach[at], reach[at - 1]);
  const { kinds, end, ...facts } = get("facts");
  const named = Object.fromEntries(kinds.map(([name], at) => [name, at]));
  const times = { end: end || 1, starts, stops, reach, begun, finish }; // an empty trace: a second
  return { ...facts, ...times, kinds, named, kind, task, rows: { task, worker, core } };
}

// How many of the sorted values are at most this one.
export function countUpTo(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// How many intervals cover a moment: those begun, less those ended.
function covering(starts, stops) {
  const [begun, ended] = [starts, stops].map((edges) => Float64Array.from(edges).sort());
  return (moment) => countUpTo(begun, moment) - countUpTo(ended, moment);
}

// Join each key's intervals where they overlap; each key's come in order of their start.
function joined(intervals) {
  const [last, starts, stops] = [new Map(), [], []];
  for (const [key, start, stop] of intervals) {
    const at = last.get(key);
    if (at !== undefined && start <= stops[at]) {
      stops[at] = Math.max(stops[at], stop);
    } else {
      last.set(key, starts.length);
      starts.push(start);
      stops.push(stop);
    }
  }
  return [starts, stops];
}

// The function that tells the two numbers of a moment; cores busy is NaN where that isn't seen.
export function runningNumbers(trace) {
  const { starts, stops, task, kind, begun, finish, rows, named } = trace;
  const these = (...names) => {
    const wanted = new Set(names.map((name) => named[name]));
    return Array.from(kind.keys()).filter((at) => wanted.has(kind[at]));
  };
  const tasks = Array.from(begun.keys()).filter((at) => !Number.isNaN(begun[at]));
  const within = (at, moment) => Math.min(Math.max(moment, begun[task[at]]), finish[task[at]]);
  const held = these("held")
    .filter((at) => !Number.isNaN(begun[task[at]]))
    .map((at) => [task[at], within(at, starts[at]), within(at, stops[at])]);
  const runs = these("run", "switch").map((at) => [`${task[at]} ${rows.worker[at]}`, starts[at], stops[at]]);
  const hidden = these("call", "blur");
  const counted = covering(tasks.map((at) => begun[at]), tasks.map((at) => finish[at]));
  const [holding, running] = [covering(...joined(held)), covering(...joined(runs))];
  const inside = covering(hidden.map((at) => starts[at]), hidden.map((at) => stops[at]));
  return (moment) => ({
    inFlight: counted(moment) - holding(moment),
    busy: runs.length && !inside(moment) ? running(moment) : NaN,
  });
}

// The moments at which something begins or ends, and the trace's own, each once.
export function changes({ starts, stops, begun, finish, end }) {
  const all = [starts, stops, begun, finish].flatMap((moments) => Array.from(moments));
  return Float64Array.from([0, end, ...all.filter((moment) => moment > 0 && moment < end)])
    .sort()
    .filter((moment, at, sorted) => moment !== sorted[at - 1]);
}

// The spans that may be seen between two moments: [first, last).
export function seen(trace, from, to) {
  return [countUpTo(trace.reach, from), countUpTo(trace.starts, to)];
}

// What each task does at a moment, in words.
export function doing(trace, moment, most = 6) {
  const [first, last] = seen(trace, moment, moment);
  const spans = Array.from({ length: last - first }, (_, at) => first + at)
    .filter((at) => trace.stops[at] > moment)
    .sort((one, other) => trace.task[one] - trace.task[other]);
  const words = (at) => `${trace.labels.task[trace.task[at]]}: ${trace.kinds[trace.kind[at]][1]}`;
  const said = [...new Set(spans.map(words))];
  const more = said.length > most ? `; and ${said.length - most} more` : "";
  return said.slice(0, most).join("; ") + more;
}

// Speeds as parts of real time, and the one at which so many seconds take 4 to 10.
export function speeds(seconds) {
  const powers = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
  const steps = powers.flatMap((power) => [power, 2 * power, 5 * power]);
  const all = [...steps.map((step) => 1 / step), ...steps.slice(1)].sort((a, b) => a - b);
  const usual = all.find((speed) => seconds / speed <= 10) ?? 1;
  const near = all.filter((speed) => speed === 1 || (speed > usual / 30 && speed < usual * 30));
  return { usual, choices: near };
}

export function spell(speed) {
  if (speed === 1) return "real time";
  return speed < 1 ? `1/${Math.round(1 / speed)} of real time` : `${speed} times real time`;
}

