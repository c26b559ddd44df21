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

__all__ = ["allow_files", "answer", "ended", "helper", "service"]

MOST_FILES = 20_000  # that the service asks for: one for each connection


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


def allow_files(wanted: int) -> int:
    """Let this process open so many files, sockets among them, as far as the system lets it.

    The system's soft limit is raised, up to its hard limit. Returns how many may be open then.
    """
    if sys.platform == "win32":
        return wanted  # no such limit
    else:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        endless = resource.RLIM_INFINITY
        if soft == endless or soft >= wanted:
            return wanted
        most = wanted if hard == endless else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):  # some systems have one more limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@contextlib.contextmanager
def service() -> Iterator[int]:
    """Start the service; gives the port, on loopback, where it listens."""
    with helper(__name__) as process:
        yield int(answer(process))


class Slow(asyncio.Protocol):
    """A connection: for each line that comes in, an answer goes out after so many seconds."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        """Promise an answer for each line; what isn't a number ends the connection."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        try:
            for line in lines:
                asyncio.get_running_loop().call_later(float(line), self.answer)
        except ValueError:
            self.transport.close()

    def answer(self) -> None:
        """Keep the promise, if anyone is still there."""
        if not self.transport.is_closing():
            self.transport.write(b"done\n")


async def _serve() -> None:
    allow_files(MOST_FILES)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Slow, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended(sys.stdin)


if __name__ == "__main__":
    asyncio.run(_serve())
