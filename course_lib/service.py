"""A small service on this machine that answers after a while: what a socket wait waits for.

It is a process of its own, so that its work isn't counted as the tasks' work. A line with a number
of seconds comes in; after so many seconds a line goes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

__all__ = ["answer", "ended", "helper", "service"]


@contextlib.contextmanager
def helper(
    module: str, *arguments: str, python: Sequence[str] = (sys.executable,), **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a module of the course in a process of its own, and end it.

    Another Python may run it, and with further variables in its environment.

    The process ends as soon as its standard input does: it can't outlive this one, whatever
    happens here.
    """
    command = [*python, "-m", module, *arguments]
    # A group of its own: an interrupt from the keyboard is for the learner's program, not for it.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **variables},
    )
    try:
        yield process
    except BaseException:  # an interrupt, perhaps: nobody waits for what it still has to say
        process.kill()
        raise
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]


def answer(process: subprocess.Popen[str]) -> str:
    """Return the next line that a helper prints.

    Raises
    ------
    RuntimeError
        If it has ended instead; what it had to complain about stands on standard error.
    """
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"a helper of the course ended early: {process.args!r}")
    return line


async def ended(file: TextIO) -> None:
    """Wait till a file has come to its end, on a thread, for the event loop can't wait for it."""
    await asyncio.get_running_loop().run_in_executor(None, file.read)


@contextlib.contextmanager
def service() -> Iterator[int]:
    """Start the service; gives the port, on loopback, where it listens."""
    with helper(__name__) as process:
        yield int(answer(process))


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ValueError, asyncio.CancelledError):
        while line := await reader.readline():
            await asyncio.sleep(float(line))
            writer.write(b"done\n")
            await writer.drain()
    writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended(sys.stdin)


if __name__ == "__main__":
    asyncio.run(_serve())
