// How a trace is drawn: the timeline's language, on a canvas.

const TOP = 6; // pixels above the rows
const AXIS = 20; // and below, for the seconds

// Near black or white: what can be read best on a color, by WCAG's contrast.
export function inkOn(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  return light / 0.0556 > 1.05 / light ? "#111111" : "#ffffff";
}

// Diagonal lines, as a pattern to fill with.
function hatching(context, color, ratio) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = Math.round(6 * ratio);
  const brush = tile.getContext("2d");
  brush.strokeStyle = color;
  brush.lineWidth = ratio;
  for (const shift of [-1, 0, 1]) {
    brush.moveTo((shift - 0.5) * tile.width, 1.5 * tile.width);
    brush.lineTo((shift + 1.5) * tile.width, -0.5 * tile.width);
  }
  brush.stroke();
  const pattern = context.createPattern(tile, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / ratio));
  return pattern;
}

// Draw one span: solid is running, hatched is ready, a thin line is waiting, dark is switching.
function mark({ context, ink, patterns, ratio }, kind, color, x, y, width, height) {
  const top = y - height / 2;
  if (kind === "ready") patterns[color] ??= hatching(context, color, ratio);
  context.globalAlpha = kind === "call" || kind === "blur" ? 0.6 : 1;
  const fills = { ready: patterns[color], switch: ink };
  context.fillStyle = fills[kind] ?? color;
  if (kind !== "held") context.fillRect(x, top, width, height);
  else for (let dot = x; dot < x + width; dot += 4) context.fillRect(dot, y - 1, 1.5, 2);
  context.globalAlpha = 1;
  if (width < 3 || kind === "wait" || kind === "held") return;
  context.strokeStyle = kind === "ready" ? color : ink;
  context.lineWidth = 0.6;
  context.strokeRect(x, top, width, height);
}

// Fit a canvas to the screen's own pixels; return what is needed to draw on it.
function brushFor(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const { color, fontFamily } = getComputedStyle(canvas);
  const { backgroundColor } = getComputedStyle(canvas.closest(".course-player"));
  [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = `13px ${fontFamily}`;
  context.textBaseline = "middle";
  return { context, ratio, ink: color, paper: backgroundColor, patterns: {} };
}

// Draw what is between two moments; return where these are: x = left + (moment - from) * scale.
function paint(canvas, trace, by, { from, to }) {
  const [labels, rows] = [trace.labels[by], trace.rows[by]];
  const width = canvas.parentElement.clientWidth;
  const most = Math.max(100, Math.min(300, window.innerHeight * 0.4));
  const pitch = Math.min(32, most / Math.max(labels.length, 2)); // from row to row
  const middle = (row) => TOP + (row + 0.5) * pitch;
  const bottom = TOP + pitch * Math.max(labels.length, 2);
  const brush = brushFor(canvas, width, bottom + AXIS);
  const { context, ratio, ink } = brush;
  const every = Math.ceil(15 / pitch);
  const shown = labels.map((text, row) => (row % every ? "" : text));
  const widest = shown.reduce((a, b) => (b.length > a.length ? b : a), "");
  const left = Math.min(0.3 * width, Math.max(76, context.measureText(widest).width + 12));
  const scale = (width - left - 8) / (to - from);

  context.fillStyle = ink;
  shown.forEach((text, row) => context.fillText(text, 2, middle(row), left - 6));
  context.save();
  context.beginPath();
  context.rect(left, 0, width - left, bottom);
  context.clip();
  const [first, last] = seen(trace, from, to);
  const longest = new Map(); // the span that will have its task's name, by row and task
  const drawn = new Int32Array(labels.length); // up to which pixel a row is drawn
  trace.kinds.forEach(([name, , size], kind) => {
    drawn.fill(-1);
    for (let at = first; at < last; at++) {
      const row = rows[at];
      if (trace.kind[at] !== kind || row < 0 || trace.stops[at] < from) continue;
      const begin = left + (Math.max(trace.starts[at], from) - from) * scale;
      const length = left + (Math.min(trace.stops[at], to) - from) * scale - begin;
      const pixel = Math.floor((begin + length) * ratio);
      if (length * ratio < 1 && pixel === drawn[row]) continue; // nothing new would be seen
      drawn[row] = pixel;
      const [wide, high] = [Math.max(length, 1 / ratio), Math.max(size * pitch, 1)];
      mark(brush, name, colorOf(trace, at), begin, middle(row), wide, high);
      const key = row * trace.begun.length + trace.task[at];
      if (length <= (longest.get(key)?.length ?? 0)) continue;
      longest.set(key, { at, x: begin + length / 2, y: middle(row), length });
    }
  });
  if (labels.length <= 12 && pitch >= 14) nameTasks(brush, trace, longest.values());
  context.restore();
  axis(brush, from, to, left, scale, bottom);
  return { left, scale };
}

function colorOf({ colors, task }, at) {
  return colors[task[at] % colors.length];
}

function nameTasks({ context, ink, paper }, trace, spans) {
  context.textAlign = "center";
  for (const { at, x, y, length } of spans) {
    const text = trace.labels.task[trace.task[at]];
    const solid = trace.kinds[trace.kind[at]][0] === "run";
    context.font = context.font.replace(/^.*?13px/, solid ? "bold 13px" : "13px");
    const wide = context.measureText(text).width + 4;
    if (wide + 4 > length) continue;
    context.fillStyle = solid ? "transparent" : paper;
    context.fillRect(x - wide / 2, y - 8, wide, 16);
    context.fillStyle = solid ? inkOn(colorOf(trace, at)) : ink;
    context.fillText(text, x, y + 1);
  }
}

function axis({ context, ink }, from, to, left, scale, bottom, unit = "seconds") {
  const power = 10 ** Math.floor(Math.log10(80 / scale));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => size * scale >= 80);
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(step * 1.001))));
  context.fillStyle = ink;
  context.textAlign = "left";
  context.fillText(unit, 2, bottom + AXIS / 2 + 2);
  context.fillRect(left, bottom, (to - from) * scale, 1);
  context.textAlign = "center";
  for (let tick = Math.ceil(from / step - 1e-6); tick * step <= to + step * 1e-6; tick++) {
    const x = left + (tick * step - from) * scale;
    context.fillRect(x, bottom, 1, 4);
    const text = (tick * step).toFixed(decimals);
    const most = left + (to - from) * scale + 8 - context.measureText(text).width / 2;
    context.fillText(text, Math.min(x, most), bottom + AXIS / 2 + 3);
  }
}

