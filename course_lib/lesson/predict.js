// A question in the browser: native inputs, and a button that commits the answer.

const KINDS = { choice, number, order, point };

function render({ model, el }) {
  const ui = panel(el, model.get("question"));
  const { form, fieldset, status } = ui;
  const field = KINDS[model.get("kind")](model, ui);
  button(fieldset, "Commit");

  function show() {
    const answer = model.get("answer");
    const given = answer !== null && answer !== undefined;
    fieldset.disabled = given;
    if (given) field.write(answer);
    const said = model.get("committed")
      ? `✓ Committed: ${field.words(answer)}. Now run the experiment.`
      : given
      ? "Committing … If nothing comes, run this cell again, and commit once more."
      : `Not committed yet. ${field.hint}, then commit; or go on without.`;
    status.textContent = `${said} ${model.get("note")}`.trim();
  }

  // A browser's own bubble is gone soon; what it says stays here, and is announced.
  form.addEventListener("invalid", () => {
    const first = form.querySelector("input:invalid"); // each of them is heard here
    status.textContent = `Not committed: ${first.dataset.allowed ? first.validationMessage : "choose one"}.`;
  }, true);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    model.set("answer", field.read());
    model.save_changes();
    status.focus(); // where the keyboard was is locked now
  });
  model.on("change:answer change:committed change:note", show);
  show();
  return () => model.off("change:answer change:committed change:note", show);
}

// One of several texts.
function choice(model, { fieldset, name }) {
  const inputs = model.get("choices").map((value) =>
    labeled(fieldset, value, { type: "radio", name, value, required: true }));
  return {
    hint: "Choose",
    read: () => inputs.find((input) => input.checked).value,
    write: (answer) => inputs.forEach((input) => { input.checked = input.value === answer; }),
    words: (answer) => answer,
  };
}

// A number in a range.
function number(model, { fieldset }) {
  const [low, high, unit] = ["low", "high", "unit"].map((key) => model.get(key));
  const input = numeric(fieldset, unit || "answer", low, high);
  return {
    hint: "Type a number",
    read: input.read,
    write: input.write,
    words: (answer) => `${answer} ${unit}`.trim(),
  };
}

const NUMBER = /^[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?$/i; // with a decimal point or comma
const UNCLEAR = /^[+-]?([1-9]\d{0,2},\d{3}|\d+([.,]\d*){2,})(e[+-]?\d+)?$/i; // 1,500 or 1.234,5

// A field for a number in a range. One of the browser's own would drop a comma, and read 1,5 as 15.
function numeric(fieldset, text, low, high) {
  const range = `${low} to ${high}`;
  const inputMode = low < 0 ? "text" : "decimal"; // a phone's decimal keys may lack the minus
  const input = labeled(fieldset, `${text} (${range})`,
    { type: "text", inputMode, className: "number", autocomplete: "off", required: true });
  const allowed = (input.dataset.allowed = `${text} must be a number from ${range}`);
  const typed = () => input.value.trim();
  const check = () => {
    const fits = NUMBER.test(typed()) && input.read() >= low && input.read() <= high;
    input.setCustomValidity(UNCLEAR.test(typed())
      ? `${typed()} can be read in two ways; write decimals with a point, and nothing between thousands`
      : fits ? "" : allowed);
  };
  input.read = () => Number(typed().replace(",", "."));
  input.write = (number) => {
    input.value = number;
    check();
  };
  input.addEventListener("input", check);
  check();
  return input;
}

// Some texts to be put in order: each can be moved up and down.
function order(model, { fieldset, status }) {
  const list = document.createElement("ol");
  for (const text of model.get("choices")) {
    const item = document.createElement("li");
    item.dataset.text = text;
    for (const [sign, way] of [["↑", -1], ["↓", 1]]) {
      const move = button(item, sign);
      move.type = "button";
      move.setAttribute("aria-label", `Move ${text} ${way < 0 ? "up" : "down"}`);
      move.addEventListener("click", () => {
        const other = way < 0 ? item.previousElementSibling : item.nextElementSibling;
        if (other) other[way < 0 ? "before" : "after"](item);
        move.focus(); // a moved element loses it
        const place = [...list.children].indexOf(item) + 1;
        status.textContent = `${text} is ${other ? "now" : "already"} number ${place} of ${list.children.length}.`;
      });
    }
    item.append(` ${text}`);
    list.append(item);
  }
  fieldset.append(list);
  return {
    hint: "Put them in order, first to last",
    read: () => [...list.children].map((item) => item.dataset.text),
    write: (answer) => answer.forEach((text) =>
      list.append([...list.children].find((item) => item.dataset.text === text))),
    words: (answer) => answer.join(" → "),
  };
}

// A point on the quadrant: dragged, moved by the arrow keys, or typed as two numbers.
function point(model, { fieldset, status }) {
  const { flight, busy, wall, usable, rooms } = model.get("quadrant");
  const svg = draw("svg", { viewBox: "-8 -4 534 342", tabindex: 0, role: "application" });
  svg.setAttribute("aria-label", "Point on the quadrant. The arrow keys move it, with Shift by less.");
  const frame = { left: 46, right: 510, top: 24, bottom: 284 };
  const across = scale(busy, frame.left, frame.right);
  const up = scale(flight, frame.bottom, frame.top);
  scenery(svg, frame, across, up, { flight, busy, wall, usable, rooms });
  const mark = svg.appendChild(draw("circle", { r: 9, class: "mark unset" }));
  const handle = svg.appendChild(draw("circle", { r: 32, class: "handle" })); // what a finger can hit
  const plane = document.createElement("div"); // scrolls where there is no room for it
  plane.className = "plane";
  plane.append(svg);
  fieldset.append(plane);
  const tall = numeric(fieldset, "tasks in flight", ...flight);
  const wide = numeric(fieldset, "cores busy", ...busy);

  const room = (y, x) => rooms[2 * (y > wall) + (x > wall)];
  const words = ([y, x]) => `${y} in flight, ${x} cores busy: ${room(y, x)}`;
  const valid = (input) => input.validity.valid;
  function place() {
    const [y, x] = [tall, wide].map((input) => (valid(input) ? input.read() : wall));
    for (const circle of [mark, handle]) {
      circle.setAttribute("cx", across.at(x));
      circle.setAttribute("cy", up.at(y));
    }
    mark.classList.toggle("unset", !(valid(tall) && valid(wide)));
    return [y, x];
  }
  function write([y, x]) {
    tall.write(y);
    wide.write(x);
    place();
  }
  function move(y, x) {
    write([within(y, flight), within(x, busy)]);
    status.textContent = `${words(place())}. Not committed yet.`;
  }

  const ways = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  svg.addEventListener("keydown", (event) => {
    if (event.key === " ") event.preventDefault(); // it would scroll
    const way = ways[event.key];
    if (!way || fieldset.disabled) return;
    event.preventDefault();
    const [y, x] = place();
    const step = event.shiftKey ? 1.02 : 1.15;
    move(y * step ** way[0], x * step ** way[1]);
  });
  const drag = (event) => {
    if (fieldset.disabled) return;
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(svg.getScreenCTM().inverse());
    move(up.from(at.y), across.from(at.x));
  };
  const scrolls = ({ pointerType, target }) => pointerType === "touch" && target !== handle;
  onHold(svg, (event) => (scrolls(event) ? false : drag(event)), drag);
  svg.addEventListener("click", drag); // a finger's, too
  for (const input of [tall, wide]) {
    input.addEventListener("input", () => {
      const [y, x] = place();
      if (!mark.classList.contains("unset")) status.textContent = `${words([y, x])}. Not committed yet.`;
    });
  }
  place();
  return {
    hint: "Drag the point, move it with the arrow keys, or type both numbers",
    read: () => [tall.read(), wide.read()],
    write(answer) {
      write(answer);
      svg.setAttribute("tabindex", -1);
    },
    words,
  };
}

// A logarithmic scale from a range of numbers to a range of places, and back.
function scale([low, high], start, end) {
  const all = Math.log(high / low);
  return {
    at: (value) => start + ((end - start) * Math.log(value / low)) / all,
    from: (place) => low * Math.exp((all * (place - start)) / (end - start)),
  };
}

function within(value, [low, high]) {
  return Math.min(high, Math.max(low, Number(value.toPrecision(3))));
}

function draw(name, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// What stands still in the quadrant: walls, rooms by name, ticks, the usable cores.
function scenery(svg, { left, right, top, bottom }, across, up, { flight, busy, wall, usable, rooms }) {
  const line = (x1, y1, x2, y2, kind) => svg.append(draw("line", { x1, y1, x2, y2, class: kind }));
  const write = (x, y, anchor, text, kind = "") =>
    svg.append(draw("text", { x, y, "text-anchor": anchor, class: kind }, text));
  line(left, top, left, bottom, "axis");
  line(left, bottom, right, bottom, "axis");
  line(across.at(wall), top, across.at(wall), bottom, "wall");
  line(left, up.at(wall), right, up.at(wall), "wall");
  line(across.at(usable), top, across.at(usable), bottom, "usable");
  write(across.at(usable), top - 8, "middle", `${usable} usable core${usable === 1 ? "" : "s"}`);
  const places = [[left + 6, bottom - 8, "start"], [right, bottom - 8, "end"],
    [left + 6, top + 16, "start"], [right, top + 16, "end"]];
  rooms.forEach((room, number) => write(...places[number], room, "room"));
  const ticks = [0.5, 1, 2, 4, 8, 16, 32, 64, 256, 1024];
  const inside = ([low, high]) => ticks.filter((tick) => tick >= low && tick <= high);
  for (const tick of inside(busy)) write(across.at(tick), bottom + 18, "middle", tick);
  for (const tick of inside(flight)) write(left - 8, up.at(tick) + 5, "end", tick);
  write((left + right) / 2, bottom + 38, "middle", "cores busy  →  parallel");
  const side = draw("text", { "text-anchor": "middle", transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)` },
    "tasks in flight  →  concurrent");
  svg.append(side);
}

export default { render };
