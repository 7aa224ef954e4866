"""A model that did not come with this program is first tried in a process of its own, which may crash or hang.

The interpreter takes a network at its word: wrong offsets in it make it read anywhere, and that ends the process.
`python -m monitor.modeltrial PATH THREADS` is that process: it reads the file's content from standard input.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.card import take_apart
from monitor.errors import ModelError, MonitorError, quoted
from monitor.host import elapsed_s, limit_memory
from monitor.model import EmotionModel

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_S = 30.0
"""Starting Python and probing the shipped model takes a Raspberry Pi a few seconds."""
_OUTLIVES_S = 5
"""So much later a trial ends that nobody ends."""
_LOOK_S = 0.1
_MEMORY_BYTES = 192 * 1024 * 1024
"""The interpreter reserves 125 MB for the shipped model, and writes to a fifth of it."""
_MEMORY_PER_FILE_BYTE = 4
"""Content, flatbuffer, weights as the interpreter packs them, and a reserve."""
_MEMORY_PER_THREAD_BYTES = 16 * 1024 * 1024
_MOST_SAID = 4096
_REFUSED = ModelError.exit_code
_CARRIED = (
    "PATH",
    "SYSTEMROOT",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONDONTWRITEBYTECODE",
)
_CARRIED_ENDING = "_NUM_THREADS"
_REMEDY = "it was not loaded; get the file again, or export it again with ser-train"


def try_model(
    content: bytes,
    path: Path,
    threads: int,
    *,
    meanwhile: Callable[[], bool] = lambda: True,
    limit_s: float = LIMIT_S,
) -> None:
    """Build and probe the model in a process of its own.

    Args:
        content: of the model file.
        path: what errors call it.
        threads: of the interpreter.
        meanwhile: called ten times a second; False gives up.
        limit_s: a trial that takes longer has failed.

    Raises:
        ModelError: the process refused it, crashed, hung, or could not be started.
    """
    # More threads than processors only wait for one another.
    process = _started(path, min(threads, os.cpu_count() or 1))
    # On a thread: a process that hangs takes nothing.
    feeder = threading.Thread(target=_feed, args=(process, content), name="model-trial", daemon=True)
    try:
        feeder.start()
        _await_end(process, path, meanwhile, limit_s)
    finally:
        process.kill()
        process.wait()
        # Not alive: it may be the one that could not be started.
        if feeder.is_alive():
            feeder.join()
    assert process.stdout is not None  # noqa: S101 - asked for
    with process.stdout:
        said = process.stdout.read(_MOST_SAID)
    _judge(path, process.returncode, os.fsdecode(said))


def _started(path: Path, threads: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", __spec__.name, path, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            # Ctrl-C is this program's alone: it ends the trial.
            start_new_session=True,
        )
    except OSError as error:
        raise ModelError(f"{path}: no process can be started to try it in ({error.strerror}); {_REMEDY}") from None


def _feed(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - asked for
    # A process that has crashed takes no more.
    with suppress(OSError), process.stdin:
        process.stdin.write(content)


def _await_end(process: subprocess.Popen[bytes], path: Path, meanwhile: Callable[[], bool], limit_s: float) -> None:
    until_s = elapsed_s() + limit_s
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_S)
            return
        if not meanwhile():
            raise ModelError(f"{path}: the trial of the model was given up: the monitor ends")
        if elapsed_s() > until_s:
            raise ModelError(f"{path}: the network does not come to an end within {limit_s:g} s; {_REMEDY}")


def _judge(path: Path, status: int, said: str) -> None:
    if status == _REFUSED and said:
        raise ModelError(said)
    if status < 0:
        raise ModelError(f"{path}: the network crashes the interpreter ({_signal_name(-status)}); {_REMEDY}")
    if status:
        raise ModelError(f"{path}: the trial of the network ended with {status}; {_REMEDY}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _environment() -> dict[str, str]:
    """What Python needs to find the same packages; nothing else, for anything may be a secret."""
    carried = {name: value for name, value in os.environ.items() if name in _CARRIED or name.endswith(_CARRIED_ENDING)}
    return {**carried, "PYTHONPATH": os.pathsep.join(str(Path(place).absolute()) for place in sys.path)}


def main() -> int:
    """Try the model on standard input; 0, or 78 with the reason on standard output."""
    path, threads = Path(sys.argv[1]), int(sys.argv[2])
    if hasattr(signal, "alarm"):
        signal.alarm(int(LIMIT_S) + _OUTLIVES_S)
    content = sys.stdin.buffer.read()
    limit_memory(_MEMORY_BYTES + _MEMORY_PER_FILE_BYTE * len(content) + _MEMORY_PER_THREAD_BYTES * threads)
    try:
        EmotionModel(take_apart(content, path), threads)
    except MonitorError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the model is at fault
        reason = f"{path}: {type(error).__name__}: {quoted(error)}; {_REMEDY}"
    else:
        return 0
    sys.stdout.buffer.write(os.fsencode(reason))
    return _REFUSED


if __name__ == "__main__":
    sys.exit(main())
