"""A nightly job: a log is unpacked, and packed anew hour by hour; each pack is checked and signed.

`job` is written as such programs often are: one part of it uses the workers, the others don't.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import pbkdf2_hmac, sha256
from typing import Any

__all__ = ["check", "job", "join", "load", "pack"]

HOURS = 12


@cache
def _log() -> bytes:
    lines = (b"%d GET /page/%d 200\n" % (n, n * n % 9973) for n in range(120_000))
    return zlib.compress(b"".join(lines), 1)


def load() -> list[bytes]:
    """Unpack the log, which is one piece, and cut it into hours."""
    log = zlib.decompress(_log())
    size = -(-len(log) // HOURS)
    return [log[at : at + size] for at in range(0, len(log), size)]


def pack(hour: bytes) -> bytes:
    """Pack an hour."""
    return bz2.compress(hour)


def check(packed: bytes) -> bytes:
    """Unpack it again, which fails if it is damaged; return a fingerprint of what is inside."""
    return pbkdf2_hmac("sha256", bz2.decompress(packed), b"fingerprint", 10_000)


def join(before: bytes, fingerprint: bytes) -> bytes:
    """Return the signature over all so far: from that before, and one more fingerprint."""
    return sha256(before + fingerprint).digest()


def job(each: Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]] = map) -> bytes:
    """Do the whole job; `each` calls a function for each of many: `map`, or a pool's."""
    packed = [pack(hour) for hour in load()]
    signature = b""
    for fingerprint in each(check, packed):
        signature = join(signature, fingerprint)
    return signature
