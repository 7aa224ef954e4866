"""`python -m benchmarks.named_threads ARGUMENTS`: ser-monitor, whose threads bear their names in /proc too.

Python gives the kernel a thread's name from 3.14 on.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from monitor.cli import main

_NAME_CHARS = 15
"""The kernel keeps no more."""


def name_threads() -> None:
    """From now on each thread tells the kernel its name when it starts."""
    run = threading.Thread.run

    def named(thread: threading.Thread) -> None:
        name_this_thread(thread.name)
        run(thread)

    setattr(threading.Thread, "run", named)  # noqa: B010 - a checker of types does not let methods be replaced


def name_this_thread(name: str) -> None:
    """Tell the kernel."""
    Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name[:_NAME_CHARS])


if __name__ == "__main__":
    name_this_thread("main")
    name_threads()
    sys.exit(main())
