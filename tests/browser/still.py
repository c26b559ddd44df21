"""Widgets, the timeline player among them, in a page with no Lab and no kernel, and how many frames a page draws."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from anywidget import AnyWidget
from playwright.sync_api import Page

from course_lib.explore.player import Player
from course_lib.trace import Trace

#: Load the player's script; from then on the page calls it `player`.
LOAD = """async script => {
  const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  window.player = await import(address);
}"""

#: From the widget's state as it is sent, the function that gets a value of it.
GET = """state => name => state[name].bytes === undefined
  ? state[name]
  : new DataView(Uint8Array.from(atob(state[name].bytes), c => c.charCodeAt(0)).buffer)"""

#: Show a widget in the page, with these values; from then on the page calls them `model`.
RENDER = """([values, css]) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  const heard = [];
  window.model = {
    get: name => values[name],
    set(name, value) {
      values[name] = value;
      for (const [events, call] of heard) if (events.split(" ").includes(`change:${name}`)) call();
    },
    on: (events, call) => heard.push([events, call]),
    off() {},
    save_changes() {},
    send() {},
  };
  player.default.render({ model, el: document.body });
}"""

SHOW = f"""([state, css]) => {{
  document.head.append(Object.assign(document.createElement("style"), {{ textContent: css }}));
  const model = {{ get: ({GET})(state), on() {{}}, off() {{}} }};
  player.default.render({{ model, el: document.body }});
}}"""

#: Frames a second, over so many seconds; with them a check that the playhead is on its way.
FRAMES = """seconds => new Promise(done => {
  const moments = [];
  const place = () => document.querySelector(".playhead")?.style.transform ?? "";
  const before = place();
  function frame(now) {
    moments.push(now);
    if (now - moments[0] < seconds * 1000) return requestAnimationFrame(frame);
    done([(moments.length - 1) / (now - moments[0]) * 1000, place() !== before]);
  }
  requestAnimationFrame(frame);
})"""


def state(player: Player) -> dict[str, Any]:
    """Return what the browser gets of a player, with bytes as text."""
    values = {name: getattr(player, name) for name in ("by", "facts")}
    packed = {name: getattr(player, name) for name in ("moments", "places", "lives")}
    return values | {
        name: {"bytes": base64.b64encode(value).decode()} for name, value in packed.items()
    }


def load(page: Page, script: str) -> None:
    """Open an empty page that has a widget's script."""
    page.goto("about:blank")
    page.evaluate(LOAD, script)


def stand(page: Page, player: Player) -> None:
    """Show a player in an empty page."""
    load(page, str(player._esm))
    page.evaluate(SHOW, [state(player), str(player._css)])


def show(page: Page, widget: AnyWidget, *names: str) -> None:
    """Show a widget in an empty page, with these of its values."""
    load(page, str(widget._esm))
    page.evaluate(RENDER, [{name: getattr(widget, name) for name in names}, str(widget._css)])


def zoom(page: Page, size: float) -> None:
    """Zoom a part of the page, as a slide of the site is."""
    page.evaluate("size => { document.body.style.zoom = size; }", size)
    page.wait_for_timeout(100)  # until it is drawn anew


def crowd(spans: int, tasks: int = 40, workers: int = 8, seconds: float = 2.0) -> Trace:
    """Make a trace of so many spans: on each worker, its tasks take turns."""
    rng = np.random.default_rng(spans)
    lines = []
    for worker in range(workers):
        edges = np.sort(rng.uniform(0, seconds, spans // workers + 1)).tolist()
        own = range(worker, tasks, workers)
        for number in range(spans // workers):
            kind = ("run", "ready", "wait")[number % 3]
            at = (own[number % len(own)], worker, worker % 2, edges[number], edges[number + 1])
            lines.append((*at, kind))
    rows = [(f"T{number}", 0.0, 0.0, seconds, 0.1) for number in range(tasks)]
    return Trace.build(rows, lines, cpu=seconds, end=seconds, model="made")
