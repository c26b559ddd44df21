"""What Linux's control groups (cgroups) allow this process: CPU quotas, as containers set them.

A quota such as "50 ms in every 100" is half a core. Groups are nested, and each one's quota holds
for all that is inside it, so all have to be looked up, from the process's own group to the root.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

__all__ = ["Limit", "mounts", "positive", "quotas", "short", "throttled"]


class Limit(NamedTuple):
    """How many cores something allows, and what it is, in words."""

    cores: float
    words: str


def quotas(root: Path) -> Iterator[Limit]:
    """Yield the CPU quota of each control group around this process."""
    for version, name, folder in groups(root):
        fields = _read(folder / "cpu.max").split()
        if version == 1:
            fields = [_read(folder / f"cpu.cfs_{part}_us") for part in ("quota", "period")]
        quota, period = (positive(field) for field in (*fields, "", "")[:2])
        if quota and period and (cores := positive(str(quota / period))):
            words = f"a CPU quota of {short(cores)} cores (cgroup v{version}, {name})"
            yield Limit(cores, words)


def throttled(root: Path) -> float | None:
    """Return the sum of the throttled times: v2 counts microseconds, v1 nanoseconds."""
    pattern = re.compile(r"^throttled_(usec|time) (\d{1,19})$", re.MULTILINE)
    stats = [_read(folder / "cpu.stat") for _, _, folder in groups(root)]
    found = [match for stat in stats for match in pattern.findall(stat)]
    times = [int(count) * (1e-6 if unit == "usec" else 1e-9) for unit, count in found]
    return sum(times) if times else None


def groups(root: Path) -> Iterator[tuple[int, str, Path]]:
    """Yield (cgroup version, name, folder) of the groups whose CPU quotas hold for this process.

    A quota holds for a group and for all groups inside it, so each path is followed from the
    process's own group up to the root of the mount. Where the own group can't be seen, as in some
    containers, the root that can be seen counts.
    """
    for version, path in _own_paths(root).items():
        seen = [(top, folder) for found, top, folder in mounts(root) if found == version]
        around = [(top, folder) for top, folder in seen if _is_inside(path, top)]
        for top, folder in around or seen:
            own = path.relative_to(top) if around else PurePosixPath()
            for part in (own, *own.parents):
                name = str(top / part).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                yield version, name, folder / part


def _own_paths(root: Path) -> dict[int, PurePosixPath]:
    """Return this process's path in the v1 hierarchy that controls the CPU, and in the v2 one."""
    paths = {}
    for line in _read(root / "proc/self/cgroup").split("\n"):
        _, controllers, path = (*line.split(":", 2), "", "", "")[:3]
        if path and (not controllers or "cpu" in controllers.split(",")):
            paths[1 if controllers else 2] = PurePosixPath(path)
    return paths


def mounts(root: Path) -> Iterator[tuple[int, PurePosixPath, Path]]:
    """Yield (cgroup version, the group at its root, folder) of each mount that matters here."""
    for line in _read(root / "proc/self/mountinfo").split("\n"):
        where, _, what = line.partition(" - ")
        kind, _, options = (*what.split(" "), "", "", "")[:3]
        if kind == "cgroup2" or (kind == "cgroup" and "cpu" in options.split(",")):
            top, folder = (*map(_unescape, where.split(" ")), "", "", "", "", "")[3:5]
            yield (2 if kind == "cgroup2" else 1), PurePosixPath(top), root / folder.lstrip("/")


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)


def _is_inside(path: PurePosixPath, top: PurePosixPath) -> bool:
    return path.is_relative_to(top) and ".." not in path.relative_to(top).parts


def _read(file: Path) -> str:
    """Return the text of a file; nothing where there is none that can be read."""
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError):
        return ""


def positive(text: str) -> float | None:
    """Return the number that `text` holds if it is positive and finite."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def short(number: float) -> str:
    """Return a number with at most three decimals."""
    return f"{round(number, 3):g}"
