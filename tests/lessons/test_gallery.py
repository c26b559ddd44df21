"""The gallery: the slow service, its refusals, and the program that is correct and slow."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from course_lib.programs.gallery import Busy, Gallery, gallery, one_by_one, picture, refusals

pytestmark = pytest.mark.usefixtures("nothing_left")


def until_served(gallery: Gallery, number: int) -> int:
    """Return how often a picture is refused, by threads and coroutines in turn."""
    for refused in range(9):
        try:
            if refused % 2:
                assert asyncio.run(gallery.later(number)) == picture(number)
            else:
                assert gallery.fetch(number) == picture(number)
        except Busy:
            continue
        return refused
    raise AssertionError("never served")


def test_pictures_are_refused_as_often_as_the_rule_says() -> None:
    with gallery(pictures=10) as ten:
        visits = [replace(ten, visit=name) for name in ("first", "second")]
        for visit in visits:  # one visit's requests don't count for another
            seen = [until_served(visit, number) for number in (0, 3, 7)]
            assert seen == [0, 1, 2] == [refusals(number) for number in (0, 3, 7)]
        rows = visits[0].asked()["asked"]
    assert [row[:2] for row in rows] == [
        *([0, 200], [3, 503], [3, 200], [7, 503], [7, 503], [7, 200])
    ]
    assert all((stop - start) / 1e9 > 0.01 for *_, start, stop in rows)


def test_one_by_one_writes_each_thumbnail_and_the_index_in_order() -> None:
    with gallery(pictures=12) as twelve:
        one_by_one(twelve)
        index = (twelve.folder / "index.txt").read_text().splitlines()
        written = {path.name: path.read_bytes() for path in twelve.folder.glob("*.pbm")}
        assert [line.split()[0] for line in index] == [f"{n}.pbm" for n in range(12)]
        assert written == {f"{n}.pbm": twelve.dither(picture(n)) for n in range(12)}
        assert sum(status == 200 for _, status, *_ in twelve.asked()["asked"]) == 12


def test_a_thumbnail_is_as_bright_as_its_picture() -> None:
    with gallery(pictures=1) as one:
        for number in range(5):
            grey = np.frombuffer(picture(number)[-(192 * 192) :], np.uint8).astype(float)
            grey = grey.reshape(96, 2, 96, 2).mean((1, 3))
            bright = ((grey - grey.min()) / np.ptp(grey)).mean()
            ink = float(one.save(number, one.dither(picture(number))).split()[1])
            assert 1 - ink == pytest.approx(bright, abs=0.03)


def test_what_the_service_does_not_know_is_named() -> None:
    with gallery(pictures=1) as one, pytest.raises(ConnectionError, match="404"):
        one.fetch(-1)


@pytest.mark.parametrize("pictures", [0, -1, 10_001])
def test_a_gallery_of_an_impossible_size_is_refused(pictures: int) -> None:
    with pytest.raises(ValueError, match="pictures must be"), gallery(pictures):
        pass


def test_the_service_ends_even_if_its_visitor_fails() -> None:
    with pytest.raises(ZeroDivisionError), gallery(pictures=1):
        raise ZeroDivisionError
