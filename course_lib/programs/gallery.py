"""A gallery: fetch pictures from a slow service, make a thumbnail of each, write them and an index.

A mixed program. Fetching is waiting; a thumbnail is computing; the index must be in order. As it
stands here (`one_by_one`) it is correct, and does one thing after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from course_lib.service import answer, helper
from course_lib.tasks import whole

__all__ = ["PICTURES", "Busy", "Gallery", "gallery", "one_by_one", "picture", "refusals"]

PICTURES = 200
MOST = 10_000
WAIT = 0.015  # seconds
SIDE = 192  # pixels
DIFFERENT = 200  # pictures; others are these again
SMALL = SIDE // 2  # pixels: a thumbnail's side
SERVICE = "course_lib.programs.gallery_service"


@cache
def picture(number: int) -> bytes:
    """Return picture number so-and-so, always the same: 192 by 192 shades of grey, as PGM."""
    dice = np.random.default_rng(number % DIFFERENT)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    tilt, left, up, wide = dice.uniform(-1, 1, 4)
    disc = np.hypot(x - 0.5 * left, y - 0.5 * up) < 0.4 + 0.2 * wide
    shade = 110 + 40 * (tilt * x + (1 - abs(tilt)) * y) + 60 * disc + dice.normal(0, 8, x.shape)
    pixels: bytes = shade.clip(0, 255).astype(np.uint8).tobytes()
    return b"P5 %d %d 255\n" % (SIDE, SIDE) + pixels


def refusals(number: int) -> int:
    """Return how many times a picture is refused before it is served."""
    return 2 if number % 25 == 7 else int(number % 10 == 3)


class Busy(ConnectionError):
    """The service has refused a picture, this time: ask again."""


@dataclass(frozen=True)
class Gallery:
    """Pictures at a service, and a folder for their thumbnails.

    It can be used in threads, in coroutines, and in other processes.

    Attributes
    ----------
    numbers : range
        The pictures' numbers.
    port : int
        Where the service listens.
    folder : Path
        Where thumbnails and the index are written.
    visit : str
        The service counts requests by visit.
    """

    numbers: range
    port: int
    folder: Path
    visit: str = "visit"

    def url(self, number: int | str) -> str:
        """Return where a picture is, should you like to fetch it by means of your own."""
        return f"http://127.0.0.1:{self.port}/{self.visit}/{number}"

    def fetch(self, number: int) -> bytes:
        """Return a picture; the thread that asks waits, for 15 ms.

        Raises
        ------
        Busy
            If it is refused. Ask again: the third time at the latest, it is there.
        """
        return self._body(number, self._ask(number))

    async def later(self, number: int) -> bytes:
        """Return a picture as `fetch` does; only the coroutine that asks waits."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self._request(number))
            return self._body(number, await reader.read())
        finally:
            writer.close()

    def dither(self, picture: bytes) -> bytes:
        """Return a picture's thumbnail, in black and white, as PBM: some milliseconds of computing.

        First it is made smaller and given its full contrast, by NumPy. Then Floyd and Steinberg's
        error diffusion, in Python: each pixel becomes black or white, and what it gets wrong by that
        is handed on to the pixels that follow.
        """
        pixels = np.frombuffer(picture[-SIDE * SIDE :], np.uint8)
        small = pixels.reshape(SMALL, 2, SMALL, 2).mean((1, 3))
        low, high = small.min(), small.max()
        rows = ((small - low) * (255 / max(1.0, high - low))).astype(int).tolist()
        rows = [[0, *row, 0] for row in [*rows, [0] * SMALL]]  # a margin takes what falls outside
        for row, below in pairwise(rows):
            for x in range(1, SMALL + 1):
                error = row[x]
                row[x] = int(error >= 128)
                error -= 255 * row[x]
                row[x + 1] += error * 7 // 16
                below[x - 1] += error * 3 // 16
                below[x] += error * 5 // 16
                below[x + 1] += error // 16
        white = np.array([row[1:-1] for row in rows[:-1]], bool)
        return b"P4 %d %d\n" % white.shape + np.packbits(~white).tobytes()

    def save(self, number: int, thumbnail: bytes) -> str:
        """Write a thumbnail to its file, and return the picture's line of the index."""
        (self.folder / f"{number}.pbm").write_bytes(thumbnail)
        ink = sum(map(int.bit_count, thumbnail[-SMALL * SMALL // 8 :])) / SMALL**2
        return f"{number}.pbm {ink:.3f}"

    def index(self, lines: Iterable[str]) -> None:
        """Write the index: a line a picture, in the order of their numbers."""
        (self.folder / "index.txt").write_text("".join(f"{line}\n" for line in lines))

    def asked(self) -> dict[str, Any]:
        """Return the service's log of this visit: rows of picture, status, start and stop."""
        told: dict[str, Any] = json.loads(self._ask("log").partition(b"\r\n\r\n")[2])
        return told

    def _request(self, number: int | str) -> bytes:
        return f"GET /{self.visit}/{number} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode()

    def _ask(self, number: int | str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            line.sendall(self._request(number))
            parts = []
            while part := line.recv(65536):
                parts.append(part)
        return b"".join(parts)

    def _body(self, number: int, reply: bytes) -> bytes:
        head, _, body = reply.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1:2]
        if status == [b"200"]:
            return body
        if status == [b"503"]:
            raise Busy(f"picture {number} was refused, this time (503): ask again")
        raise ConnectionError(f"picture {number}: the service answered {reply[:60]!r}")


@contextlib.contextmanager
def gallery(pictures: int = PICTURES) -> Iterator[Gallery]:
    """Start the service, and give a gallery with so many pictures (1 to 10,000) and an empty folder.

    Examples
    --------
    >>> with gallery(pictures=4) as four:
    ...     one_by_one(four)
    ...     len(list(four.folder.iterdir()))
    5
    """
    numbers = range(whole("pictures", pictures, 1, MOST))
    with (
        tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder,
        helper(SERVICE) as process,
    ):
        yield Gallery(numbers, int(answer(process)), Path(folder))


def one_by_one(gallery: Gallery) -> None:
    """Fill a gallery, one picture after the other: correct, and slow."""
    lines = []
    for number in gallery.numbers:
        while True:
            try:
                picture = gallery.fetch(number)
                break
            except Busy:
                continue
        lines.append(gallery.save(number, gallery.dither(picture)))
    gallery.index(lines)
