"""How long it takes from moving a slider to a changed picture: an explorer's, and a plain notebook's.

The plain one is made as most notebooks do: `interact` calls a function in the kernel, which draws
with matplotlib and sends a PNG. It shows the player's trace
at the same moments.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.lesson import DONE, OPENED, open_notebook, run_all, write_notebook
from tests.browser.still import FRAMES

PATH = "notebooks/sliders.ipynb"
FIRST = """%matplotlib inline
import matplotlib.pyplot as plt
from ipywidgets import FloatSlider, interact
from course_lib.explore import amdahl, play, running_numbers
from course_lib.pictures import COLORS
from course_lib.trace import Trace
spans = [(n % 8, n % 8, n % 2, n / 500, (n + 5) / 500, "run") for n in range(1000)]
trace = Trace.build([(f"T{n}", 0, 0, 2, 1) for n in range(8)], spans, cpu=2, end=2, model="made")
def show(moment):
    plt.figure(figsize=(9, 3))
    for task in range(8):
        own = trace.spans[trace.spans["task"] == task]
        boxes = list(zip(own["start"], own["stop"] - own["start"]))
        plt.broken_barh(boxes, (task - 0.3, 0.6), facecolors=COLORS[task % 6])
    plt.axvline(moment)
    plt.title("in flight {}, cores busy {}".format(*running_numbers(trace, [moment])))
    plt.show()"""
CELLS = [
    FIRST,
    "play(trace)",
    "amdahl()",
    "interact(show, moment=FloatSlider(min=0, max=2, step=0.01));",
]

#: After the next frame is painted.
PAINTED = """const painted = () => new Promise(done => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = done;
  channel.port2.postMessage(0);
}));
const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));"""

#: Milliseconds for each of so many moves of the player's slider.
PLAYER = f"""async count => {{
  {PAINTED}
  const slider = document.querySelector(".course-player input[type=range]");
  const head = document.querySelector(".course-player .playhead");
  const found = [];
  for (let n = 1; n <= count; n++) {{
    await pause(20 + 7 * n % 30);  // at any moment between two frames
    const before = head.style.transform;
    const start = performance.now();
    slider.value = Number(slider.min) + (slider.max - slider.min) * n / (count + 1);
    slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
    await painted();
    if (head.style.transform === before) throw new Error("the playhead has not moved");
    found.push(performance.now() - start);
  }}
  return found;
}}"""

#: The same for the slider of Amdahl's parallel fraction; its picture is compared by its pixels.
AMDAHL = f"""async count => {{
  {PAINTED}
  const slider = document.querySelector(".course-amdahl input[type=range]");
  const canvas = document.querySelector(".course-amdahl .stage canvas");
  const found = [];
  for (let n = 1; n <= count; n++) {{
    await pause(20 + 7 * n % 30);
    const before = canvas.toDataURL();
    await painted();
    await pause(7 * n % 16);
    const start = performance.now();
    slider.value = Number(slider.min) + (slider.max - slider.min) * n / (count + 1);
    slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
    await painted();
    found.push(performance.now() - start);
    if (canvas.toDataURL() === before) throw new Error("the curve has not moved");
  }}
  return found;
}}"""

#: The same for the plain notebook's slider.
PLAIN = f"""async count => {{
  {PAINTED}
  const handle = document.querySelector(".widget-slider .noUi-handle");
  const output = document.querySelector(".widget-interact .widget-output");
  const found = [];
  for (let n = 1; n <= count; n++) {{
    const old = output.querySelector("img").src;
    const start = performance.now();
    handle.dispatchEvent(new KeyboardEvent("keydown", {{ key: "ArrowRight", bubbles: true }}));
    let image = null;
    while (!(image = output.querySelector("img")) || image.src === old) await pause(0);
    await image.decode();
    await painted();
    found.push(performance.now() - start);
  }}
  return found;
}}"""


def open_sliders(page: Page, address: str, course: Path) -> None:
    """Open a notebook with all of them, and run it."""
    write_notebook(course, PATH, CELLS)
    open_notebook(page, address, PATH)
    run_all(page)
    page.wait_for_function(DONE, timeout=OPENED, polling=100)
    expect(page.locator(".course-player")).to_have_count(2)
    expect(page.locator(".widget-interact img")).to_have_count(1)


def moves(page: Page, count: int) -> tuple[list[float], list[float], list[float]]:
    """Return how many milliseconds each move took: the player's, Amdahl's, and the plain slider."""
    page.locator(".course-player .stage").first.scroll_into_view_if_needed()
    player: list[float] = page.evaluate(PLAYER, count)
    page.locator(".course-amdahl .stage").scroll_into_view_if_needed()
    amdahl: list[float] = page.evaluate(AMDAHL, count)
    page.locator(".widget-interact img").scroll_into_view_if_needed()
    plain: list[float] = page.evaluate(PLAIN, count)
    return player, amdahl, plain


#: Have the kernel compute for a while.
BUSY = """seconds => { lesson.sessionContext.session.kernel.requestExecute({
  code: `import time\nuntil = time.time() + ${seconds}\nwhile time.time() < until: pass`,
}); }"""


def frames_while_busy(page: Page, rounds: int) -> list[float]:
    """Return how many frames a second the player draws, second by second, beside a busy kernel."""
    page.locator(".course-player .stage").first.scroll_into_view_if_needed()
    page.evaluate(BUSY, rounds + 2)
    page.wait_for_timeout(300)
    found = []
    for _ in range(rounds):
        page.get_by_role("button", name="Whole run").click()
        slider = page.locator(".course-player input[type=range]").first
        slider.evaluate(
            "slider => { slider.value = slider.min; "
            "slider.dispatchEvent(new Event('input', { bubbles: true })); }"
        )
        if page.get_by_role("button", name="Play").count():
            page.get_by_role("button", name="Play").click()
        rate, moved = page.evaluate(FRAMES, 1.0)
        assert moved, "the playhead has not moved"
        found.append(float(rate))
    return found
