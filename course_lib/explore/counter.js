// How the bar is drawn: the queue, the orders at the bar with the baristas, a curve, the quadrant.

const LEFT = 88; // pixels for the words on the left
const SLOT = { width: 78, height: 50 };
const PERSON = 24;

// How the scene is laid out for a width: where queue, places and idle baristas are.
function arrange(width, { places }) {
  const columns = Math.max(1, Math.min(places, Math.floor((width - LEFT) / SLOT.width)));
  const rows = Math.ceil(places / columns);
  const top = PERSON + 22;
  const floor = top + rows * SLOT.height + 18;
  return {
    width, columns, top, floor,
    height: floor + 20,
    fit: Math.max(1, Math.floor((width - LEFT - 60) / PERSON)),
    slot: (place) => ({
      x: LEFT + (place % columns) * SLOT.width,
      y: top + Math.floor(place / columns) * SLOT.height,
    }),
  };
}

// Draw the bar at a moment; `where` keeps where the baristas stand, `glide` how much of the way to
// go in this frame they go.
function paintScene(brush, layout, bar, moment, where, glide) {
  const { context, ink } = brush;
  context.clearRect(0, 0, layout.width, layout.height);
  const states = bar.lives.map((life) => stateOf(life, moment));
  const queue = bar.lives.filter((life, at) => states[at].kind === "queue");
  words(brush, "queue", 2, PERSON / 2 + 4);
  queue.slice(0, layout.fit).forEach((life, at) =>
    person(brush, LEFT + at * PERSON + 11, PERSON / 2 + 4, bar.color(life.index), bar.name(life.index)));
  const more = queue.length - layout.fit;
  if (more > 0) words(brush, `+ ${more}`, LEFT + layout.fit * PERSON + 4, PERSON / 2 + 4);
  words(brush, "at the bar", 2, layout.top + SLOT.height / 2 - 6);
  context.strokeStyle = ink;
  context.globalAlpha = 0.35;
  context.lineWidth = 1;
  for (let place = 0; place < bar.places; place++) {
    const { x, y } = layout.slot(place);
    context.strokeRect(x + 2.5, y + 2.5, SLOT.width - 8, 27);
  }
  context.globalAlpha = 1;
  const targets = new Map();
  bar.lives.forEach((life, at) => {
    const { kind, baristas = [] } = states[at];
    if (kind === "away" || kind === "queue") return;
    const { x, y } = layout.slot(life.place);
    ticket(brush, kind, bar.color(life.index), bar.name(life.index), x + 2, y + 2);
    baristas.filter((barista) => barista >= 0).forEach((barista, nth) =>
      targets.set(barista, [x + SLOT.width / 2 - 2 + nth * 22, y + 38]));
  });
  words(brush, "baristas", 2, layout.floor);
  for (let barista = 0; barista < bar.baristas; barista++) {
    const target = targets.get(barista) ?? [LEFT + 11 + barista * 28, layout.floor];
    const [x, y] = where[barista] ?? target;
    const part = where[barista] ? glide : 1;
    where[barista] = [x + (target[0] - x) * part, y + (target[1] - y) * part];
    helper(brush, ...where[barista], barista + 1, targets.has(barista));
  }
}

function words({ context, ink }, text, x, y, align = "left") {
  context.textAlign = align;
  context.fillStyle = ink;
  context.fillText(text, x, y);
}

function person({ context, ink, paper }, x, y, color, name) {
  context.beginPath();
  context.arc(x, y, 10.5, 0, 2 * Math.PI);
  context.fillStyle = paper;
  context.fill();
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.stroke();
  words({ context, ink }, name, x, y + 1, "center");
}

// An order that is taken: solid while hands work on it, a thin line while it brews, hatched while
// it could go on and no barista is free; dashed before it is begun.
function ticket(brush, kind, color, name, x, y) {
  const { context, paper } = brush;
  const [width, middle] = [SLOT.width - 7, y + 14];
  context.fillStyle = paper;
  context.fillRect(x, y, width, 28);
  if (kind === "taken") {
    context.setLineDash([4, 3]);
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.strokeRect(x + 1, y + 1, width - 2, 26);
    context.setLineDash([]);
  } else {
    mark(brush, kind, color, x, middle, width, kind === "wait" ? 4 : 28);
  }
  const wide = context.measureText(name).width + 8;
  context.fillStyle = kind === "run" ? color : paper;
  context.fillRect(x + width / 2 - wide / 2, middle - 9, wide, 18);
  const ink = kind === "run" ? inkOn(color) : brush.ink;
  words({ context, ink }, name, x + width / 2, middle + 1, "center");
}

function helper({ context, ink, paper }, x, y, number, busy) {
  context.fillStyle = busy ? ink : paper;
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  context.fillRect(x - 9, y - 9, 18, 18);
  context.strokeRect(x - 9, y - 9, 18, 18);
  words({ context, ink: busy ? paper : ink }, number, x, y + 1, "center");
}

// Draw how many orders are in the bar, over time; return where a moment is.
function paintCurve(canvas, bar) {
  const [width, bottom, minutes] = [canvas.parentElement.clientWidth, 84, bar.end / MINUTE];
  const brush = brushFor(canvas, width, bottom + AXIS);
  const { context, ratio } = brush;
  const scale = (width - LEFT - 8) / minutes;
  const counts = bar.moments.map((moment) => countAt(bar, moment));
  const most = Math.max(1, ...counts.map(({ queue, flight }) => queue + flight));
  const y = (count) => bottom - (count / most) * (bottom - 8);
  const x = (moment) => Math.round((LEFT + (moment / MINUTE) * scale) * ratio) / ratio; // no seams
  const area = (low, high, fill) => {
    context.fillStyle = fill;
    counts.forEach((count, at) => {
      const [from, to] = [x(bar.moments[at]), x(bar.moments[at + 1] ?? bar.end)];
      context.fillRect(from, y(high(count)), to - from, y(low(count)) - y(high(count)));
    });
  };
  area(() => 0, ({ flight }) => flight, bar.colors[1]);
  area(({ flight }) => flight, ({ flight, queue }) => flight + queue,
    hatching(context, bar.colors[0], ratio));
  words(brush, "orders", 2, 14);
  words(brush, `${most}`, LEFT - 6, 14, "right");
  words(brush, "0", LEFT - 6, bottom - 5, "right");
  axis(brush, 0, minutes, LEFT, scale, bottom, "minutes");
  return { left: LEFT, scale: scale / MINUTE };
}

// How many orders are in the queue and in flight at a moment, and how many baristas work.
function countAt({ lives, spans }, moment) {
  const within = (begin, end) => begin <= moment && moment < end;
  const count = (all, test) => all.reduce((sum, one) => sum + test(one), 0);
  return {
    queue: count(lives, (life) => within(life.arrival, Math.min(life.start, life.lost))),
    flight: count(lives, (life) => within(life.start, life.finish)),
    busy: count(spans, (span) => span.barista >= 0 && within(span.start, span.stop)),
  };
}

// Draw the quadrant with a mark for each bar: square and dashed, for it is simulated.
function paintQuadrant(canvas, marks, { wall, rooms, colors }) {
  const width = Math.min(canvas.parentElement.clientWidth, 460);
  const [left, right, top, bottom] = [44, width - 6, 8, 230];
  const brush = brushFor(canvas, width, bottom + 42);
  const { context, ink, paper } = brush;
  const log = (low, high, from, to) => (value) =>
    from + ((to - from) * Math.log(Math.max(value, low * 1.05) / low)) / Math.log(high / low);
  const across = log(0.3, 2 * Math.max(4, ...marks.map(({ busy }) => busy)), left, right);
  const up = log(0.5, 2.5 * Math.max(6, ...marks.map(({ inFlight }) => inFlight)), bottom, top);
  context.fillStyle = ink;
  context.fillRect(across(wall), top, 1.2, bottom - top);
  context.fillRect(left, up(wall), right - left, 1.2);
  context.fillRect(left, top, 1, bottom - top);
  context.fillRect(left, bottom, right - left, 1);
  const plain = context.font;
  context.font = `italic ${plain}`;
  rooms.forEach((room, at) =>
    words(brush, room, at % 2 ? right - 4 : left + 6, at < 2 ? bottom - 11 : top + 10,
      at % 2 ? "right" : "left"));
  context.font = plain;
  for (const tick of [0.5, 1, 2, 4, 8, 16, 32]) {
    if (across(tick) < right - 4) words(brush, `${tick}`, across(tick), bottom + 12, "center");
    if (up(tick) > top + 4) words(brush, `${tick}`, left - 6, up(tick), "right");
  }
  words(brush, "baristas busy  →  parallel", (left + right) / 2, bottom + 31, "center");
  context.save();
  context.translate(9, (top + bottom) / 2);
  context.rotate(-Math.PI / 2);
  words(brush, "in flight  →  concurrent", 0, 0, "center");
  context.restore();
  const places = new Map(); // marks that meet share a label
  for (const { label, inFlight, busy, color } of marks) {
    const [x, y] = [across(busy), up(inFlight)];
    const size = color ? 7 : 12;
    context.strokeStyle = color ? colors[color] : ink;
    context.lineWidth = 2;
    context.setLineDash([4, 2.5]);
    if (color) {
      context.fillStyle = paper;
      context.fillRect(x - size, y - size, 2 * size, 2 * size);
    }
    context.strokeRect(x - size, y - size, 2 * size, 2 * size);
    context.setLineDash([]);
    const key = [...places.keys()].find((at) => Math.hypot(at[0] - x, at[1] - y) < 16) ?? [x, y];
    places.set(key, [...(places.get(key) ?? []), label]);
  }
  for (const [[x, y], labels] of places) {
    const text = labels.join(", ");
    const wide = context.measureText(text).width;
    const place = x + 17 + wide > right ? x - 17 - wide : x + 17;
    context.fillStyle = paper;
    context.fillRect(place - 2, y - 8, wide + 4, 16);
    words(brush, text, place, y + 1);
  }
}
