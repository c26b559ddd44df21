// What explorers have in common: keys, and elements of the page. It stands before their scripts.

// Do what a key stands for, unless a button, a slider or a list wants it for itself.
function onKeys(element, actions) {
  keepKeys(element, (event) => {
    const pressed = event.target.matches("button, summary, [type=checkbox]");
    const press = pressed && [" ", "Enter"].includes(event.key);
    const moves = event.target.matches(".setting") && event.key !== " "; // a slider of its own
    const own = moves || event.target.matches("select");
    const other = event.ctrlKey || event.altKey || event.metaKey || own;
    const name = (event.shiftKey && event.key.startsWith("Arrow") ? "Shift " : "") + event.key;
    if (press || other || !actions[name]) return;
    event.preventDefault();
    actions[name]();
  });
}

// Add an element of the page, with its properties and attributes.
function add(parent, tag, properties = {}, attributes = {}) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

function button(parent, text, onclick, className = "") {
  return add(parent, "button", { type: "button", textContent: text, className, onclick });
}

function choose(parent, text, options, value, changed) {
  const label = add(parent, "label", { textContent: `${text} ` });
  const select = add(label, "select", {}, { "aria-label": text });
  for (const [key, words] of options) add(select, "option", { value: key, textContent: words });
  select.value = value;
  select.addEventListener("change", () => changed(select.value));
  return select;
}

// Add a slider with its text and value; `tell` sets both, and says the value in words.
function slide(parent, text, range, changed) {
  const label = add(parent, "label", { textContent: `${text}: ` });
  const value = add(label, "b");
  const properties = { type: "range", ...range, className: "setting" };
  const input = add(label, "input", properties, { "aria-label": text });
  input.tell = (number, words) => {
    input.value = number;
    value.textContent = words;
    input.setAttribute("aria-valuetext", words);
  };
  input.addEventListener("input", () => changed(Number(input.value)));
  return input;
}

// Add a table with a caption and a head.
function tabulate(parent, caption, heads, className = "") {
  const element = add(parent, "table", { className });
  add(element, "caption", { textContent: caption });
  const row = add(element, "tr");
  for (const head of heads) add(row, "th", { textContent: head }, { scope: "col" });
  return element;
}

// Add what can be unfolded: a title, and a text.
function unfold(parent, title, text) {
  const details = add(parent, "details");
  add(details, "summary", { textContent: title });
  add(details, "p", { textContent: text });
}

// Add an entry of a legend: a sample, as `paint` paints it, and what it stands for.
function explain(legend, text, height, paint) {
  const item = add(legend, "li");
  const swatch = add(item, "canvas", {}, { "aria-hidden": "true" });
  swatch.style.width = "34px";
  paint(brushFor(swatch, 34, height));
  item.append(text);
}

// Call `anew` when an element has another size or the page another theme: outside the page, where an
// explorer is made, nothing has its colors. Call `leave` when what is watched isn't to be seen any
// more. Return what ends that.
function attend(element, anew, watched = element, leave = () => {}) {
  const size = new ResizeObserver(anew);
  const theme = new MutationObserver(anew);
  const away = new IntersectionObserver((seen) => seen.at(-1).isIntersecting || leave());
  size.observe(element);
  theme.observe(document.body, { attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"] });
  away.observe(watched);
  return () => [size, theme, away].forEach((observer) => observer.disconnect());
}
