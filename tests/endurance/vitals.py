"""What a process holds over time: resident memory, file descriptors, threads; and whether that grows."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Vitals(NamedTuple):
    """At one moment."""

    at_s: float
    memory_mb: float
    descriptors: int
    threads: int


class Watcher:
    """Looks at a process every `every_s`, on a thread, until it is left."""

    def __init__(self, pid, every_s):
        self._process = Path(f"/proc/{pid}")
        self._every_s = every_s
        self._started_s = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.seen = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def look(self):
        status = (self._process / "status").read_text()
        numbers = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
        return Vitals(
            time.monotonic() - self._started_s,
            int(numbers["VmRSS"]) / 1000,
            len(list((self._process / "fd").iterdir())),
            int(numbers["Threads"]),
        )

    def slope_mb_per_h(self, after_s):
        """Of a line through the memory seen after `after_s`."""
        late = [one for one in self.seen if one.at_s >= after_s]
        return 3600 * float(np.polyfit([one.at_s for one in late], [one.memory_mb for one in late], 1)[0])

    def write(self, path, **more):
        """For the picture in docs/reliability.md."""
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {name: [getattr(one, name) for one in self.seen] for name in Vitals._fields}
        path.write_text(json.dumps({**more, **columns}) + "\n")

    def _watch(self):
        while not self._over.wait(self._every_s):
            try:
                self.seen.append(self.look())
            except FileNotFoundError:
                return
