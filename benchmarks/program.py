"""`ser-monitor` as people run it: started, told what to hear, and watched from outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NODE = "bench"
_READY_S = 60.0
_END_S = 10.0


@dataclass(slots=True)
class Program:
    """One that runs."""

    process: subprocess.Popen[bytes]
    started_s: float
    """On the clock of `time.monotonic`."""
    ready_s: float
    """When READY=1 came, on the same clock."""

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    @property
    def pipe(self) -> IO[bytes]:
        """Its standard input."""
        assert self.process.stdin is not None
        return self.process.stdin


@contextmanager
def program(
    arguments: Sequence[str],
    settings: Mapping[str, str],
    *,
    module: str = "monitor.cli",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Start it with a configuration of its own, and wait until it says READY; its input is a pipe.

    Args:
        arguments: of the command line.
        settings: TOML by table: `{"mqtt": "enabled = true"}`.
        module: what is run.
        environment: default: this process's.

    Raises:
        TimeoutError: it does not become ready.
    """
    with TemporaryDirectory(prefix="ser-bench-") as name, _notifications(f"{name}/notify") as notifications:
        config = write_settings(Path(name) / "config.toml", settings)
        command = [sys.executable, "-m", module, "--config", str(config), "--log-level", "error", *arguments]
        variables = {**(environment or os.environ), "NOTIFY_SOCKET": f"{name}/notify"}
        started_s = time.monotonic()
        with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            try:
                yield Program(process, started_s, _ready_s(notifications))
            finally:
                _end(process)


def write_settings(path: Path, settings: Mapping[str, str]) -> Path:
    """A configuration of this node with these tables, so that none of the machine's counts."""
    tables = "".join(f"[{table}]\n{lines}\n" for table, lines in settings.items())
    path.write_text(f'schema_version = 1\nnode = "{NODE}"\n{tables}')
    return path


def broker_settings(port: int) -> dict[str, str]:
    """What `[mqtt]` says for the broker on this port."""
    return {"mqtt": f'enabled = true\nhost = "127.0.0.1"\nport = {port}'}


@contextmanager
def _notifications(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(path)
        ear.settimeout(_READY_S)
        yield ear


def _ready_s(notifications: socket.socket) -> float:
    while not notifications.recv(4096).startswith(b"READY=1"):
        pass
    ready_s = time.monotonic()
    # What nobody takes would make it wait: systemd takes everything.
    notifications.shutdown(socket.SHUT_RD)
    return ready_s


def _end(process: subprocess.Popen[bytes]) -> None:
    """The end of its input ends it; SIGTERM where it hears something else; a kill where it hangs."""
    with suppress(BrokenPipeError):
        process.stdin.close() if process.stdin is not None else None
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
            return
