// JupyterLab shows one slide of the notebook at a time. The cells stay JupyterLab's own, so
// experiments run and widgets answer. It is written as JupyterLab loads it, and needs no build.

const STYLE = `
.lecture { --jp-content-font-size1: 26px; --jp-code-font-size: 20px; --jp-ui-font-size1: 18px; }
.lecture-away { display: none !important; }
.lecture .jp-SideBar { visibility: hidden; }
.lecture, .lecture .jp-LabShell { background: var(--jp-layout-color0) !important; }
.lecture .jp-Notebook { padding: 24px 5vw 60px !important; }
.lecture :is(.jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser, .jp-cell-toolbar, .jp-Toolbar,
  .jp-OutputArea-promptOverlay, .jp-Placeholder, .jp-Notebook-footer, .jp-InternalAnchorLink) { display: none !important; }
.lecture .jp-Cell { max-width: 1180px; margin: 0 auto; border: 0 !important; }
.lecture .jp-OutputArea img { zoom: 1.2; }
.lecture :is(.course-widget, .course-player, .course-explorer, .course-question) { font-size: 22px; }
.lecture .jp-OutputArea-output :is(pre, table, p) { font-size: 20px; }
#lecture-bar { position: fixed; bottom: 0; left: 0; right: 0; z-index: 1000; display: flex;
  gap: 16px; align-items: center; justify-content: center; padding: 6px;
  font: 16px system-ui, sans-serif; color: var(--jp-ui-font-color1); background: var(--jp-layout-color1); }
#lecture-bar button { font: inherit; }
`;

const ASKS = /\b(predict|question)\(/; // what the hall is asked shows at once, and only that
const OURS = "input, select, textarea, .cm-content, .jp-OutputArea-output";

// Wait until the notebook stands there and its kernel is ready.
async function opened(app) {
  await app.restored;
  for (;;) {
    const panel = app.shell.currentWidget;
    if (panel?.content?.widgets?.length && panel.sessionContext?.session?.kernel) {
      await panel.context.ready;
      await panel.sessionContext.ready;
      return panel;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function cut(cells) {
  const slides = [];
  const skipped = [];
  for (const cell of cells) {
    const kind = cell.model.getMetadata("slideshow")?.slide_type ?? "-";
    if (kind === "skip" || kind === "notes") {
      if (!slides.some((slide) => slide.some(isCode))) skipped.push(cell);
      cell.node.classList.add("lecture-away");
    } else if (kind === "-" && slides.length) slides.at(-1).push(cell);
    else slides.push([cell]);
  }
  return { slides, first: skipped.filter(isCode) };
}

function isCode(cell) {
  return cell.model.type === "code";
}

function source(cell) {
  return cell.model.sharedModel.source;
}

function experiments(slide) {
  return slide.filter((cell) => isCode(cell) && !ASKS.test(source(cell)));
}

async function present(app) {
  const panel = await opened(app);
  const { slides, first } = cut(panel.content.widgets);
  if (!slides.length) return;
  const style = document.createElement("style");
  style.textContent = STYLE;
  document.head.append(style);
  document.body.classList.add("lecture");
  panel.toolbar.hide();
  for (const area of ["top", "menu", "header", "bottom"]) {
    for (const widget of app.shell.widgets(area)) widget.hide();
  }
  app.shell.collapseLeft();
  app.shell.collapseRight();

  const bar = document.createElement("nav");
  bar.id = "lecture-bar";
  bar.setAttribute("aria-label", "Slides");
  const place = document.createElement("span");
  place.setAttribute("role", "status");
  const [back, run, end, restart, on] = ["Back", "Run", "Stop", "Restart", "Next"].map((name) => {
    const button = document.createElement("button");
    button.textContent = name;
    return button;
  });
  bar.append(back, place, run, end, restart, on);
  document.body.append(bar);

  const done = new Set(); // what has run, or will
  const waiting = new Set(); // what will
  let queue = Promise.resolve();
  function execute(cells) {
    for (const cell of cells) {
      done.add(cell);
      waiting.add(cell);
      const { execute: start } = cell.constructor;
      queue = queue
        .then(() => waiting.delete(cell) && start(cell, panel.sessionContext, {}))
        .catch(() => {}); // an error is shown
    }
    return queue;
  }
  const todo = (slide) => slide.filter((cell) => isCode(cell) && !done.has(cell));

  let at = -1;
  function show(number) {
    const to = Math.max(0, Math.min(slides.length - 1, number));
    // what was passed over runs unseen, for what comes may need it
    for (const slide of slides.slice(0, to)) execute(todo(slide));
    at = to;
    slides.forEach((slide, other) => {
      for (const cell of slide) cell.node.classList.toggle("lecture-away", other !== at);
    });
    const slide = slides[at];
    execute(todo(slide).filter((cell) => ASKS.test(source(cell))));
    for (const cell of slide.filter(isCode)) if (ASKS.test(source(cell))) cell.inputHidden = true;
    place.textContent = `${at + 1} of ${slides.length}`;
    back.disabled = at === 0;
    on.disabled = at === slides.length - 1;
    run.disabled = !experiments(slide).length;
    panel.content.node.querySelector(".jp-WindowedPanel-outer")?.scrollTo(0, 0);
  }
  const again = () => execute(experiments(slides[at]));

  function stop() {
    for (const cell of waiting) done.delete(cell);
    waiting.clear();
    panel.sessionContext.session.kernel.interrupt();
  }
  async function startAnew() {
    restart.disabled = true;
    stop();
    await panel.sessionContext.restartKernel();
    queue = Promise.resolve(); // what ran will not come back
    done.clear();
    execute(first);
    for (const cell of experiments(slides[at])) done.add(cell); // it may hang again: only on demand
    show(at);
    restart.disabled = false;
  }

  back.addEventListener("click", () => show(at - 1));
  on.addEventListener("click", () => show(at + 1));
  run.addEventListener("click", again);
  end.addEventListener("click", stop);
  restart.addEventListener("click", startAnew);
  const keys = {
    ArrowRight: () => show(at + 1), PageDown: () => show(at + 1),
    ArrowLeft: () => show(at - 1), PageUp: () => show(at - 1), r: again,
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (!keys[event.key] || event.target.closest?.(OURS)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    keys[event.key]();
  }, true); // before JupyterLab takes them

  execute(first);
  show(0);
}

window._JUPYTERLAB = window._JUPYTERLAB ?? {};
window._JUPYTERLAB["course-lecture"] = {
  init() {},
  get: async () => () => ({
    __esModule: true,
    default: {
      id: "course-lecture:slides",
      autoStart: true,
      activate: (app) => { present(app); },
    },
  }),
};
