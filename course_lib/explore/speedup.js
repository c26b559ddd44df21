// Amdahl's law, and how its curve is drawn. Python has the same formulas, in `laws`.

const EDGE = { left: 46, right: 12, top: 22, bottom: 40 }; // pixels around the chart

// The speed-up of a program whose share `parallel` can be divided among `workers`.
export function amdahl(parallel, workers) {
  return 1 / (1 - parallel + parallel / workers);
}

// The parallel fraction that a speed-up speaks of: Karp and Flatt's serial one, from 1.
export function fractionOf(speedup, workers) {
  return 1 - (1 / speedup - 1 / workers) / (1 - 1 / workers);
}

// A program as it is, with twice the workers, with half its serial part, and with both. The speed-up
// is over today's program on one worker, the efficiency over the changed program's own time on one.
export function whatIf({ parallel, workers }) {
  const serial = 1 - parallel;
  const row = (part, count) => {
    const one = part + parallel; // its time on one worker; today's is 1
    const time = part + parallel / count;
    return { workers: count, time, speedup: 1 / time, limit: 1 / part, efficiency: one / time / count };
  };
  return {
    now: row(serial, workers),
    double: row(serial, 2 * workers),
    halve: row(serial / 2, workers),
    both: row(serial / 2, 2 * workers),
  };
}

// Where a chart's points are, for a number of pixels: both axes double with each step.
export function chartOf(width, height, most) {
  const [across, up] = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
  const share = (value) => Math.log2(value) / Math.log2(most);
  return {
    width, height, most,
    x: (workers) => EDGE.left + across * share(workers),
    y: (speedup) => height - EDGE.bottom - up * share(speedup),
    workersAt: (x) => most ** Math.min(1, Math.max(0, (x - EDGE.left) / across)),
    speedupAt: (y) => most ** Math.min(1, Math.max(0, (height - EDGE.bottom - y) / up)),
  };
}

function paintChart(brush, chart, { parallel, workers }, measured, colors) {
  const { context, ink, paper } = brush;
  const { x, y, most, width, height } = chart;
  const [right, floor] = [x(most), y(1)];
  context.clearRect(0, 0, width, height);
  context.fillStyle = context.strokeStyle = ink;
  context.lineWidth = 1;
  context.fillRect(x(1), y(most), 1, floor - y(most));
  context.fillRect(x(1), floor, right - x(1), 1);
  const every = most > 64 ? 4 : 2;
  for (let tick = 1; tick <= most; tick *= every) {
    context.fillRect(x(tick), floor, 1, 4);
    context.fillRect(x(1) - 4, y(tick), 4, 1);
    write(brush, `${tick}`, x(tick), floor + 13, "center");
    write(brush, `${tick}`, x(1) - 8, y(tick), "right");
  }
  write(brush, "workers N (each step doubles)", (x(1) + right) / 2, floor + 30, "center");
  write(brush, "speed-up S", 2, 9, "left");

  line(brush, [[x(1), y(1)], [x(most), y(most)]], ink, 1, [1, 4]);
  const limit = amdahl(parallel, Infinity);
  if (limit < most) line(brush, [[x(1), y(limit)], [right, y(limit)]], colors[0], 1.5, [10, 4]);
  const { halve, double } = whatIf({ parallel, workers });
  const curve = (speedup) =>
    Array.from({ length: 101 }, (_, at) => most ** (at / 100)).map((n) => [x(n), y(speedup(n))]);
  context.save();
  context.beginPath();
  context.rect(x(1), 0, right - x(1) + EDGE.right, floor);
  context.clip(); // with half the serial part, one worker is already quicker than today
  line(brush, curve((n) => 1 / ((1 - parallel) / 2 + parallel / n)), colors[2], 1.5, [3, 3]);
  line(brush, curve((n) => amdahl(parallel, n)), colors[1], 2.5, [7, 4]);
  square(brush, x(Math.min(workers, most)), y(halve.speedup), colors[2], 6);
  if (2 * workers <= most) square(brush, x(2 * workers), y(double.speedup), colors[1], 6);
  square(brush, x(workers), y(amdahl(parallel, workers)), colors[1], 9);
  context.restore();
  for (const [n, speedup] of measured) {
    if (n > most) continue;
    const within = speedup >= 1 && speedup <= most;
    const [edge, inward] = speedup < 1 ? [floor, -1] : [y(most), 1];
    point(brush, x(n), within ? y(speedup) : edge, colors[0], within ? 0 : inward);
    if (within) continue;
    const [side, align] = x(n) > width / 2 ? [-9, "right"] : [9, "left"];
    write(brush, say(speedup), x(n) + side, edge + inward * 9, align, paper);
  }
  write(brush, "S = N", x(most ** 0.8) - 8, y(most ** 0.8) - 8, "right", paper);
  if (limit < most) write(brush, `limit ${say(limit)}`, right - 4, y(limit) - 10, "right", paper);
}

const say = (number, digits = 2) => (Number.isFinite(number) ? number.toFixed(digits) : "∞");

// Write on a chart: with paper behind it, if it stands among lines.
function write({ context, ink }, text, x, y, align, paper) {
  context.textAlign = align;
  const wide = context.measureText(text).width;
  context.fillStyle = paper ?? "transparent";
  context.fillRect(align === "right" ? x - wide - 2 : x - 2, y - 8, wide + 4, 16);
  context.fillStyle = ink;
  context.fillText(text, x, y + 1);
}

function line({ context }, points, color, width, dash) {
  context.save();
  context.setLineDash(dash);
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  for (const [x, y] of points) context.lineTo(x, y);
  context.stroke();
  context.restore();
}

// Round: measured. What is off the chart is a triangle, which points there; `inward` is 1 at the top.
function point({ context, ink }, x, y, color, inward) {
  context.beginPath();
  if (!inward) context.arc(x, y, 4.5, 0, 7);
  else for (const [dx, dy] of [[-5.5, 9], [5.5, 9], [0, 0]]) context.lineTo(x + dx, y + inward * dy);
  context.closePath();
  context.fillStyle = color;
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.fill();
  context.stroke();
}

// Square and dashed: calculated.
function square({ context, paper }, x, y, color, half) {
  context.save();
  context.setLineDash([4, 3]);
  context.fillStyle = paper;
  context.strokeStyle = color;
  context.lineWidth = 2.5;
  context.fillRect(x - half, y - half, 2 * half, 2 * half);
  context.strokeRect(x - half, y - half, 2 * half, 2 * half);
  context.restore();
}
