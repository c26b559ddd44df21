"""Make the README's pictures anew, from runs on this machine: python -m docs.pictures.

What each shows in words is kept in its file as the description, and goes into the README.
"""

import re
from pathlib import Path

from course_lib import Task, compute, run, wait
from course_lib.pictures import Picture, quadrant, timelines

HERE = Path(__file__).parent
README = HERE.parent.parent / "README.md"


def take() -> dict[str, Picture]:
    """Run the same tasks in several ways, and return the pictures by name; end on a busy machine."""
    computing = [Task(name, compute(0.1)) for name in "ABC"]
    mixed = [Task(name, compute(0.03), wait(0.14), compute(0.03)) for name in "ABC"]
    threads, processes = run(computing, "threads"), run(computing, "processes", workers=3)
    rooms = {
        "one after the other": run(computing, "sequential"),
        "threads": threads,
        "each cut up for all cores": run(computing, "data_parallel"),
        "processes": processes,
        "async, with waits": run(mixed, "async"),
    }
    for trace in (rooms["each cut up for all cores"], processes):  # the others need one core
        if trace.noise:
            raise SystemExit(f"Try again when this machine is quiet. {trace.noise}")
    side_by_side = {"Three threads": threads, "Three processes": processes}
    return {"quadrant": quadrant(rooms), "timelines": timelines(side_by_side)}


def keep(name: str, picture: Picture, readme: str) -> str:
    """Write a picture's file, and return the README with the picture's text in its place."""
    path = HERE / f"{name}.png"
    said = {"Description": picture.alt}
    picture.figure.savefig(path, dpi=110, facecolor="white", bbox_inches="tight", metadata=said)
    place = f"({path.relative_to(README.parent).as_posix()})"
    here = rf"!\[[^\]]*\]{re.escape(place)}"
    written, count = re.subn(here, lambda _: f"![{picture.alt}]{place}", readme)
    if count != 1:
        raise SystemExit(f"README.md shows {path.name} {count} times, not once")
    return written


if __name__ == "__main__":
    pictures = take()
    text = README.read_text("utf-8")
    for name, picture in pictures.items():
        text = keep(name, picture, text)
    README.write_text(text, "utf-8")
