"""A class's machines on one chart: each exports a small file, and a folder of them is pooled.

A file says what was measured and on what kind of machine; it has no name unless one is given, no
host name and no path. What is read may have been changed by anybody, so each file is checked, and
one that doesn't fit is named and left out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from course_lib import files, laws
from course_lib.files import Newer, Unfit
from course_lib.lesson.classchart import Pooled, Result
from course_lib.lesson.progress import now, place, reason, say
from course_lib.machine import machine
from course_lib.programs.archive import archive
from course_lib.scaling import scaling, worker_counts
from course_lib.speedup import NOISY
from course_lib.tasks import whole

__all__ = ["export_results", "pool", "pretend"]

VERSION = 1
SCHEMA = Path(__file__).with_name("classroom.schema.json")
LARGEST = 65_536  # bytes of a result; a real one has a few thousand
MOST = 20_000  # files that are looked at
FRACTION = 0.9  # of the archive that is verified
LONGEST_NAME = 60
ROUNDING = 1e-3  # a speed-up is written with four decimals

Reader = Callable[[], bytes]


def export_results(
    path: str | os.PathLike[str] = ".", name: str = "", *, budget: float = 4.0
) -> Path | None:
    """Measure this machine, and write what was measured to a small file, for the class's chart.

    Parameters
    ----------
    path : path
        A file's name, or a folder. There, the file is named after a random number that stays the
        same for you on this machine.
    name : str
        What the table shall call this machine; only if you want it to have a name.
    budget : float
        Seconds that measuring may take.

    Returns
    -------
    Path or None
        Where it is; None if it couldn't be written, which is said.

    Raises
    ------
    TypeError, ValueError
        If an argument can't be.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a text, not {name!r}")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"name must be at most {LONGEST_NAME} characters long, not {len(name)}")
    if not _writable(name):
        raise ValueError(f"name must be a text that can be written, not {name!r}")
    target = Path(path)
    identity = _identity()
    if target.is_dir() or str(path).endswith(("/", os.sep)):
        target /= f"speedup-{identity}.json"
    elif target.suffix != ".json" and not target.exists():
        raise ValueError(f"path must be a folder, or end in .json, not {str(path)!r}")
    try:
        if target.exists():
            files.read(target, SCHEMA, VERSION)  # only a result is replaced
        content = _measured(identity, name.strip(), budget)
        files.write(target, files.dump(content))
    except (OSError, Unfit, Newer) as error:
        say(f"Nothing was exported: {target} can't be written, for {reason(error)}.")
        return None
    size = target.stat().st_size
    if content["others"] > NOISY:
        used = f"{content['others']:.0%}"
        say(
            f"Other programs used {used} of this machine meanwhile: another time, it may be quicker."
        )
    said = "no name" if "name" not in content else f"the name {name.strip()!r}"
    say(
        f"In {target}, {size:,} bytes: {said}, no host name, no path. Look inside before you share it."
    )
    return target


def pool(folder: str | os.PathLike[str]) -> Pooled:
    """Put all machines whose results lie in a folder on one chart.

    Parameters
    ----------
    folder : path
        A folder, such as the one that a JupyterHub shares among a class, with all in it but what is
        hidden and what links to folders lead to; or a zip file. Of files that end in .json, those
        that don't fit are named and left out; of two with the same random number, the newer one
        counts.

    Returns
    -------
    Pooled
        It shows itself in a notebook.

    Raises
    ------
    FileNotFoundError, ValueError, TypeError
        If there is no such folder, or it is neither a folder nor a zip file that can be read.
    """
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be the path of a folder or of a zip file, not {folder!r}")
    if folder == "":
        raise ValueError("folder must be a folder or a zip file, not ''; '.' is the current folder")
    source = Path(folder)
    if not source.exists():
        raise FileNotFoundError(f"folder must be a folder or a zip file; there is no {source}")
    if source.is_dir():
        return _pooled(_in_folder(source))
    if not source.is_file() or not zipfile.is_zipfile(source):
        raise ValueError(f"folder must be a folder or a zip file, and {source} is neither")
    try:
        archived = zipfile.ZipFile(source)
    except Exception as error:  # a damaged list of what is in it has errors of many kinds
        raise ValueError(
            f"folder must be a zip file that can be read: {source}: {error}"
        ) from error
    with archived:
        return _pooled(_in_zip(archived))


def pretend(folder: str | os.PathLike[str], machines: int = 12, seed: int = 9) -> None:
    """Write the results of machines that don't exist, made up by Amdahl's law and marked as simulated.

    Parameters
    ----------
    folder : path
        Where to; it is made if it isn't there.
    machines : int
        How many: 1 to 5,000.
    seed : int
        The same gives the same machines.

    Raises
    ------
    TypeError, ValueError, OSError
        If an argument can't be, or the folder can't be written to.
    """
    machines = whole("machines", machines, 1, 5_000)
    chance = np.random.default_rng(whole("seed", seed, 0, 2**32))
    target = Path(folder)
    for _ in range(machines):
        cores = int(chance.choice([1, 2, 4, 6, 8, 12, 16, 32]))
        workers = [*worker_counts(cores)] * 3
        lost = 1 - chance.gamma(2, 0.02, len(workers)) * (np.array(workers) > 1)
        speedup = laws.amdahl(FRACTION, workers) * np.maximum(lost, 0.5)
        content = {
            "version": VERSION,
            "id": chance.bytes(8).hex(),
            "taken": now(),
            "simulated": True,
            "usable_cores": float(cores),
            "logical_cores": cores,
            "gil": True,
            "python": "3.14.0",
            "system": "simulated",
            "parallel_fraction": FRACTION,
            "workers": workers,
            "speedup": [round(float(each), 4) for each in speedup],
            "others": 0.0,
            "best": round(float(speedup[np.array(workers) == max(workers)].max()), 4),
        }
        files.write(target / f"simulated-{content['id']}.json", files.dump(content))


# Export ----------------------------------------------------------------------------------------------


def _measured(identity: str, name: str, budget: float) -> dict[str, Any]:
    here, work = machine(), archive(FRACTION)
    found = scaling(work.close, budget=budget)
    workers, speedup = found.pairs
    return {
        "version": VERSION,
        "id": identity,
        "taken": now(),
        **({"name": name} if name else {}),
        "usable_cores": here.usable_cores,
        "logical_cores": here.logical_cores,
        "gil": here.gil,
        "python": platform.python_version(),
        "system": _plain(f"{platform.system()} {platform.machine()}"),
        "parallel_fraction": work.parallel_fraction,
        "workers": workers,
        "speedup": [round(each, 4) for each in speedup],
        "best": round(found.best[max(workers)], 4),
        "others": round(found.others, 3),
    }


def _writable(text: str) -> bool:
    """Whether a text can be written: half of a character (a lone surrogate) can't."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_. -]", "_", text)[:40].strip() or "unknown"


def _identity() -> str:
    """Return a number for this learner on this machine, which tells nothing about either.

    It is made from a random secret, kept beside the progress, and this machine's name: a home that
    several machines share holds one secret, and still gives each a number of its own.
    """
    file = place().with_name("classroom-secret")
    try:
        secret = file.read_text("utf-8")
    except (OSError, ValueError):
        secret = ""
    if not re.fullmatch(r"[0-9a-f]{32}", secret):
        secret = secrets.token_hex(16)
        with contextlib.suppress(OSError):  # then another time, it will be another number
            files.write(file, secret, private=True)
    return hashlib.sha256(f"{secret} {platform.node()}".encode()).hexdigest()[:16]


# Pool ------------------------------------------------------------------------------------------------


def _in_folder(folder: Path) -> Iterator[tuple[str, Reader]]:
    """Yield the names of all JSON files in a folder, and how each is read."""
    closed: list[OSError] = []
    for where, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(".json") and not name.startswith("."):
                path = Path(where, name)
                yield path.relative_to(folder).as_posix(), partial(_read, path)
    for error in closed:
        yield f"{os.path.relpath(error.filename, folder)}{os.sep}", partial(_fail, error)


def _fail(error: OSError) -> bytes:
    raise error


def _read(path: Path) -> bytes:
    known = path.stat()
    if not stat.S_ISREG(known.st_mode):
        raise Unfit("it isn't a file that can be read")  # reading a pipe would wait for ever
    with path.open("rb") as file:
        return _limited(known.st_size, file.read(LARGEST + 1))


def _in_zip(archived: zipfile.ZipFile) -> Iterator[tuple[str, Reader]]:
    """Yield the names of all JSON files in a zip file, and how each is read."""
    for entry in archived.infolist():
        parts = entry.filename.split("/")
        hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
        if entry.filename.lower().endswith(".json") and not hidden and "__MACOSX" not in parts:
            yield entry.filename, partial(_unzip, archived, entry)


def _unzip(archived: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Read an entry, and no more of it than a result may have: what it says of its size may be false."""
    try:
        with archived.open(entry) as file:
            return _limited(entry.file_size, file.read(LARGEST + 1))
    except Exception as error:  # each way of packing has errors of its own
        raise Unfit(f"it can't be unpacked ({str(error)[:120]})") from error


def _limited(size: int, content: bytes) -> bytes:
    if max(size, len(content)) > LARGEST:
        raise Unfit(f"it has more than {LARGEST:,} bytes, which no result has")
    return content


def _pooled(found: Iterator[tuple[str, Reader]]) -> Pooled:
    newest: dict[str, tuple[str, str, Result]] = {}
    refused: list[tuple[str, str]] = []
    older = 0
    for count, (name, read) in enumerate(found):
        if count == MOST:
            refused.append(("the rest", f"only {MOST:,} files are looked at"))
            break
        try:
            content = files.parse(read(), SCHEMA, VERSION)
            result = _result(content)
        except (OSError, Unfit, Newer) as error:
            shown = name.encode("utf-8", "replace").decode()  # not all that names a file is text
            refused.append((shown, reason(error)))
            continue
        known = newest.get(content["id"])
        older += known is not None
        if known is None or (content["taken"], name) > known[:2]:
            newest[content["id"]] = (content["taken"], name, result)
    return Pooled(tuple(result for *_, result in newest.values()), tuple(refused), older)


def _result(content: dict[str, Any]) -> Result:
    """Return a result that fits the schema; Unfit if its parts don't fit each other."""
    workers, speedup = content["workers"], content["speedup"]
    if len(workers) != len(speedup):
        raise Unfit(f"it has {len(workers)} numbers of workers, but {len(speedup)} speed-ups")
    if max(workers) > max(1, content["usable_cores"]):
        raise Unfit(f"{max(workers)} workers are more than its {content['usable_cores']:g} cores")
    if content["usable_cores"] > content["logical_cores"]:
        raise Unfit("it has more usable cores than logical ones")
    on_all = [s for n, s in zip(workers, speedup, strict=True) if n == max(workers)]
    best = content["best"]
    if not min(on_all) - ROUNDING <= best <= max(on_all) + ROUNDING:
        raise Unfit(
            f"its best speed-up, {best:g}, isn't within those on {max(workers)} workers, "
            f"{min(on_all):g} to {max(on_all):g}"
        )
    try:
        datetime.fromisoformat(content["taken"])
    except ValueError:
        raise Unfit(f"it was taken at {content['taken']}, and there is no such time") from None
    if not _writable(content.get("name", "")):
        raise Unfit("its name is no text that can be written")
    facts = {key: content[key] for key in Result._fields if key in content}
    facts |= {"workers": tuple(workers), "speedup": tuple(speedup)}
    return Result(**facts)
