// The coffee bar as a simulated machine: what course_lib.simulate does, first come, first served.
// These are pure functions; cafe.js follows. Times are whole billionths of a minute: sums are exact.

export const MINUTE = 1e9;
const LENGTH = 4 * MINUTE; // an order's, if nothing has to be waited for
const SEED = 20120111;
const [END, READY, LEAVE] = [0, 1, 2]; // what is first, where several things happen at once

// The orders of some settings: all at opening, at random, or all as one large order.
export function ordersOf({ orders, brew, opening, rate, shared }) {
  const wait = Math.round((brew * LENGTH) / 100); // brew is in percent
  const hands = ((LENGTH - wait) / 2) * (shared ? orders : 1);
  const steps = wait ? [["run", hands], ["wait", wait], ["run", hands]] : [["run", 2 * hands]];
  const arrivals = opening || shared ? Array(shared ? 1 : orders).fill(0) : random(orders, rate);
  return arrivals.map((arrival) => ({ arrival, steps }));
}

// When orders come: as course_lib.programs.coffee has it.
function random(count, rate) {
  let [at, state] = [0, SEED];
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    at += Math.round((-Math.log(state / 2147483647) / rate) * 1000);
    return (at * MINUTE) / 1000;
  });
}

// Serve orders; return what became of each, and who did what when. `places` bounds the orders that
// are taken and not done; with `parts`, each step with hands is cut evenly for so many baristas.
export function serve(orders, { baristas, places, parts = 1, patience = Infinity }) {
  const never = { start: Infinity, finish: Infinity, taken: Infinity, lost: Infinity };
  const lives = orders.map((order, index) =>
    ({ ...order, ...never, index, place: -1, step: 0, parts: 0, spans: [] }));
  const [events, spans, queue, ready] = [[], [], [], []];
  const [free, open] = [baristas, places].map((count) => Array.from(Array(count).keys()));
  let [now, count] = [0, 0];

  function at(time, first, { arrival, index }, act) {
    const event = { key: [time, first, arrival, index, count++], act };
    let [low, high] = [0, events.length]; // the next one stands last
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(event.key, events[middle].key)) low = middle + 1;
      else high = middle;
    }
    events.splice(low, 0, event);
  }

  function take(life, place) {
    life.taken = now;
    life.place = place;
  }

  function goOn(life, place) {
    if (life.step === life.steps.length) {
      life.finish = now;
      const next = queue.shift();
      if (!next) return giveBack(open, place);
      take(next, place);
      return at(now, READY, next, () => goOn(next, place)); // after those that are before it
    }
    const [kind, length] = life.steps[life.step++];
    if (kind === "wait") {
      note(life, place, -1, length, kind);
      return at(now + length, READY, life, () => goOn(life, place));
    }
    life.parts = parts;
    for (let part = 0; part < parts; part++) {
      const share = Math.floor(length / parts) + (part < length % parts ? 1 : 0);
      ready.push({ life, place: parts === 1 ? place : part, length: share });
    }
  }

  function note(life, place, barista, length, kind) {
    life.start = Math.min(life.start, now);
    const span = { order: life.index, place, barista, start: now, stop: now + length, kind };
    spans.push(span);
    life.spans.push(span);
  }

  function dispatch() {
    while (ready.length && free.length) {
      const [{ life, place, length }, barista] = [ready.shift(), free.shift()];
      note(life, place, barista, length, "run");
      at(now + length, END, life, () => {
        giveBack(free, barista);
        life.parts -= 1;
        if (!life.parts) goOn(life, parts === 1 ? place : 0);
      });
    }
  }

  for (const life of lives) {
    at(life.arrival, READY, life, () => {
      if (open.length) {
        take(life, open.shift());
        return goOn(life, life.place);
      }
      queue.push(life);
      if (patience < Infinity) {
        at(now + patience, LEAVE, life, () => {
          if (life.taken <= now) return;
          queue.splice(queue.indexOf(life), 1);
          life.lost = now;
        });
      }
    });
  }
  while (events.length) {
    now = events.at(-1).key[0];
    while (events.length && events.at(-1).key[0] === now) events.pop().act();
    dispatch();
  }
  return { lives, spans, end: now };
}

// Whether one list of numbers comes before another.
function before(one, other) {
  const at = one.findIndex((number, place) => number !== other[place]);
  return one[at] < other[at];
}

// Put a number back where it belongs in a sorted list.
function giveBack(list, number) {
  const at = list.findIndex((other) => other > number);
  list.splice(at < 0 ? list.length : at, 0, number);
}

// What an order does at a moment: it isn't here, queues, has been taken, or is in one of its spans.
export function stateOf(life, moment) {
  if (moment < life.arrival || moment >= Math.min(life.finish, life.lost)) return { kind: "away" };
  if (moment < life.taken) return { kind: "queue" };
  if (moment < life.start) return { kind: "taken" };
  const now = life.spans.filter(({ start, stop }) => start <= moment && moment < stop);
  return { kind: now[0]?.kind ?? "ready", baristas: now.map(({ barista }) => barista) };
}

// The moments at which something begins or ends, each once.
export function momentsOf({ lives, spans, end }) {
  const all = lives.flatMap((life) => [life.arrival, life.lost]);
  const more = spans.flatMap(({ start, stop }) => [start, stop]);
  const known = [0, end, ...all, ...more].filter((moment) => moment <= end);
  return [...new Set(known)].sort((one, other) => one - other);
}

// Run a bar, as its settings have it.
export function runBar(settings) {
  const { baristas, atOnce, shared, patience } = settings;
  const workers = shared ? { places: 1, parts: baristas } : { places: atOnce };
  const most = patience ? patience * MINUTE : Infinity; // 0: nobody gives up
  return serve(ordersOf(settings), { baristas, patience: most, ...workers });
}

// A run's numbers, as a trace has them: from the first arrival to the last order's end.
export function numbersOf({ lives, spans }) {
  const served = lives.filter((life) => life.finish < Infinity);
  const last = served.reduce((most, life) => Math.max(most, life.finish), 0);
  const makespan = last - lives[0].arrival;
  const flying = served.reduce((sum, life) => sum + life.finish - life.start, 0);
  const runs = spans.filter(({ kind }) => kind === "run");
  const working = runs.reduce((sum, span) => sum + span.stop - span.start, 0);
  const lost = lives.length - served.length;
  return { makespan, inFlight: flying / makespan, busy: working / makespan, lost };
}

// What holds on average from the opening to a moment: as course_lib.programs.coffee has it. Who
// gave up counts as long as it stood in the queue.
export function averages({ lives, spans }, until) {
  const mean = (all, begin, end) =>
    all.reduce((sum, one) => sum + Math.max(0, Math.min(end(one), until) - begin(one)), 0) / until;
  const gone = (life) => Math.min(life.finish, life.lost);
  const begun = (life) => Math.min(life.start, life.lost);
  const left = lives.filter((life) => gone(life) <= until);
  const stay = left.reduce((sum, life) => sum + gone(life) - life.arrival, 0) / left.length;
  const count = (when) => lives.filter((life) => when(life) <= until).length;
  const runs = spans.filter(({ kind }) => kind === "run");
  return {
    inBar: mean(lives, (life) => life.arrival, gone),
    queue: mean(lives, (life) => life.arrival, begun),
    inFlight: mean(lives, (life) => life.start, (life) => life.finish),
    busy: mean(runs, (span) => span.start, (span) => span.stop),
    rate: (count((life) => life.arrival) / until) * MINUTE,
    served: (count((life) => life.finish) / until) * MINUTE,
    stay: stay / MINUTE, // not a number, as long as nobody has gone
    lost: count((life) => life.lost),
  };
}
