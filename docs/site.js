// What a page does in the browser: theme, search, explorers without a kernel, and slides.
// It loads before the page's text, so that the theme is there from the first paint on.

const root = document.documentElement;

function stored(value) {
  try { // some browsers keep nothing for files
    if (value) localStorage.setItem("course-theme", value);
    return localStorage.getItem("course-theme");
  } catch { return null; }
}

const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
root.dataset.theme = stored() ?? preferred;

function startTheme() {
  const button = document.getElementById("theme");
  const name = () => {
    const dark = root.dataset.theme === "dark";
    button.textContent = dark ? "Light" : "Dark";
    document.body.dataset.jpThemeLight = String(!dark); // what widgets watch, to draw anew
  };
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    stored(root.dataset.theme);
    name();
  });
  name();
}

// Scripts are asked for when they are needed; from a file only a script element may do that.
const asked = {};

function need(name) {
  asked[name] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${document.body.dataset.root}assets/${name}`;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
  return asked[name];
}

// ---- Search: sections that have every word, those with a word in their title first.

function startSearch() {
  const [field, found, results] = ["search", "found", "results"].map((id) => document.getElementById(id));
  field.addEventListener("focus", () => need("search.js"));
  field.addEventListener("input", async () => {
    await need("search.js");
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = words.length ? matches(words) : [];
    const most = hits.slice(0, 12);
    results.replaceChildren(...most.map((hit) => item(hit, words)));
    results.hidden = !hits.length;
    const more = hits.length > most.length ? `, the first ${most.length} are listed` : "";
    found.textContent = words.length ? `${hits.length || "No"} section${hits.length === 1 ? "" : "s"} found${more}` : "";
  });
  field.parentElement.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    results.hidden = true;
    found.textContent = field.value = "";
    field.focus();
  });
}

function matches(words) {
  const has = (text, word) => text.toLowerCase().includes(word);
  return SECTIONS
    .filter(([, , , title, text]) => words.every((word) => has(`${title} ${text}`, word)))
    .map((section) => [words.filter((word) => has(section[3], word)).length, section])
    .sort(([more], [less]) => less - more)
    .map(([, section]) => section);
}

function item([page, anchor, lesson, title, text], words) {
  const link = document.createElement("a");
  link.href = `${document.body.dataset.root}${page}${anchor ? `#${anchor}` : ""}`;
  link.textContent = title === lesson ? title : `${lesson}: ${title}`;
  const at = Math.max(0, text.toLowerCase().indexOf(words[0]) - 40);
  const entry = document.createElement("li");
  entry.append(link, ` ${at ? "…" : ""}${text.slice(at, at + 120)}…`);
  return entry;
}

// ---- Explorers: a widget's values, in the browser alone; see anywidget.dev/en/afm.

class Model {
  constructor({ values, bytes }) {
    this.values = { ...values };
    for (const [name, text] of Object.entries(bytes)) {
      const binary = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      this.values[name] = new DataView(binary.buffer);
    }
    this.heard = [];
  }
  get(name) { return this.values[name]; }
  set(name, value) {
    this.values[name] = value;
    for (const [event, call] of [...this.heard]) if (event === `change:${name}`) call();
  }
  on(events, call) { for (const event of events.split(" ")) this.heard.push([event, call]); }
  off(events, call) {
    const gone = events.split(" ");
    this.heard = this.heard.filter(([event, other]) => !gone.includes(event) || other !== call);
  }
  save_changes() { // there is no kernel to tell, nor one to say that it has an answer
    if ("committed" in this.values) this.set("committed", true);
  }
  send() {}
}

const modules = {};
const models = {};

async function draw(place) {
  const about = models[place.dataset.model];
  await need("widgets.js");
  const { script, style } = WIDGETS[about.code];
  if (!modules[about.code]) {
    const sheet = document.createElement("style");
    sheet.textContent = style;
    document.head.append(sheet);
    modules[about.code] = import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  }
  const { default: widget } = await modules[about.code];
  about.model ??= new Model(about);
  await widget.render({ model: about.model, el: place });
}

function startWidgets() {
  Object.assign(models, JSON.parse(document.getElementById("models").textContent));
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target); // drawn when it comes into sight, for it needs its width
      draw(target);
    }
  }, { rootMargin: "400px" });
  document.querySelectorAll(".widget").forEach((place) => seen.observe(place));
}

// ---- Slides: the page's own cells, some at a time, as the notebook's slide types cut them.

const OURS = 'input, select, textarea, .widget, [tabindex="0"]'; // where keys mean something else
const SMALLEST = 0.75; // of a slide's size, that can still be read in a hall

// Fold a cell's code away.
function fold(code) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "Code";
  code.replaceWith(details);
  details.append(summary, code);
}

function startSlides() {
  const address = new URL(location.href);
  const button = document.getElementById("slides");
  const showing = address.searchParams.has("slides");
  const turn = () => {
    if (showing) address.searchParams.delete("slides");
    else address.searchParams.set("slides", "");
    address.hash = "";
    location.href = address.href.replace("slides=", "slides");
  };
  button?.addEventListener("click", turn);
  if (!button || !showing) return;

  root.classList.add("presenting");
  document.querySelectorAll("details.measured").forEach((fold) => { fold.open = true; });
  button.textContent = "Leave slides";
  const main = document.getElementById("content");
  const slides = [];
  for (const cell of main.querySelectorAll(".cell")) {
    const { slide } = cell.dataset;
    if (slide === "skip" || slide === "notes") continue;
    if (slide !== "-" || !slides.length) slides.push(document.createElement("section"));
    slides.at(-1).append(cell);
  }
  const bar = document.createElement("nav");
  bar.setAttribute("aria-label", "Slides");
  const [back, place, on] = ["button", "span", "button"].map((tag) => document.createElement(tag));
  [back.textContent, on.textContent] = ["Back", "Next"];
  place.setAttribute("role", "status");
  bar.append(back, place, on);
  // The lesson's title and the section's stay on top, but on slides that have them.
  const [title, section] = ["h1", "h2"].map((tag) => document.createElement(tag));
  title.textContent = document.title.split(" · ")[0];
  document.querySelector("header").prepend(title, section);
  main.replaceChildren(...slides);
  main.after(bar);

  const grown = new ResizeObserver(() => fit(slides[at])); // as a widget does that has just come
  let at = 0;
  function show(number) {
    at = Math.max(0, Math.min(slides.length - 1, number));
    slides.forEach((slide, other) => { slide.hidden = other !== at; });
    title.hidden = at === 0;
    const headings = slides.slice(0, at + 1).map((slide) => slide.querySelector("h2"));
    section.hidden = at === 0 || headings[at];
    section.textContent = headings.findLast(Boolean)?.firstChild.textContent ?? "";
    section.hidden ||= !section.textContent;
    place.textContent = `${at + 1} of ${slides.length}`;
    back.disabled = at === 0;
    on.disabled = at === slides.length - 1;
    history.replaceState(null, "", `#${at + 1}`);
    scrollTo(0, 0);
    fit(slides[at]);
    grown.disconnect();
    for (const cell of slides[at].children) grown.observe(cell);
  }
  // A slide that is somewhat too high becomes smaller. One that is much too high folds its code, and
  // scrolls if that isn't enough.
  function fit(slide) {
    slide.style.zoom = 1;
    const room = innerHeight - bar.offsetHeight - slide.getBoundingClientRect().top - scrollY;
    const share = () => room / slide.getBoundingClientRect().height;
    if (share() < SMALLEST) slide.querySelectorAll(".code > .highlight").forEach(fold);
    slide.style.zoom = Math.max(SMALLEST, Math.min(1, share()));
  }
  back.addEventListener("click", () => show(at - 1));
  on.addEventListener("click", () => show(at + 1));
  const keys = {
    ArrowRight: () => at + 1, PageDown: () => at + 1, ArrowLeft: () => at - 1, PageUp: () => at - 1,
    Home: () => 0, End: () => slides.length - 1,
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest?.(OURS)) return;
    if (event.key === "Escape") turn();
    if (!keys[event.key]) return;
    event.preventDefault();
    show(keys[event.key]());
  });
  // A hash is a slide's number, or the name of what stands on one.
  const linked = () => {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* it names nothing then */ }
    const there = slides.findIndex((slide) => slide.contains(document.getElementById(name)));
    show(Number(name) ? Number(name) - 1 : there < 0 ? at : there);
  };
  addEventListener("hashchange", linked);
  linked();
}

// What is wider than the page scrolls by itself; the keyboard must be able to get there.
function startScrolling() {
  const size = new ResizeObserver((changed) => {
    for (const { target } of changed) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.querySelectorAll(".output, .output pre").forEach((element) => size.observe(element));
}

document.addEventListener("DOMContentLoaded", () => {
  startTheme();
  startSearch();
  startSlides();
  startWidgets();
  startScrolling();
});
