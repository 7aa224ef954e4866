"""Work on many clips in a few processes, with a progress bar, in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_WORKERS = 8
"""As many as there are cores, but each needs some hundred megabytes."""
_ENVIRONMENT = {
    # More threads only get into each other's way.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    **dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"),
    # The bars of many would write over each other.
    "TQDM_DISABLE": "1",
}
"""Of the processes."""
_T = TypeVar("_T")
_R = TypeVar("_R")


def mapped(
    work: Callable[[_T], _R],
    items: Sequence[_T],
    what: str,
    *,
    setup: Callable[..., None] | None = None,
    setup_args: tuple[Any, ...] = (),
    n_workers: int | None = None,
) -> Iterator[_R]:
    """`work` of every item, in order; `setup` runs once in each process.

    The processes are started anew rather than forked: TensorFlow and BLAS threads do not survive a fork.
    One worker, or less than two items, stay in this process, unless TensorFlow is in it.
    """
    n = min(n_workers or MAX_WORKERS, os.cpu_count() or 1, max(len(items), 1))
    # Libraries in C that compute features do not get on with TensorFlow: openSMILE breaks its memory.
    if n == 1 and "tensorflow" not in sys.modules:
        if setup is not None:
            setup(*setup_args)
        yield from tqdm(map(work, items), total=len(items), desc=what)
        return
    with (
        _environment(),
        ProcessPoolExecutor(
            n, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(setup, setup_args)
        ) as pool,
    ):
        try:
            yield from tqdm(pool.map(work, items), total=len(items), desc=what)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(setup: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Start a worker. Ctrl-C reaches the whole process group: it is the parent that ends the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    if setup is not None:
        setup(*arguments)


def _end_with_parent() -> None:
    """A parent that was killed tells nobody: its workers would go on training, for hours, for no one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _environment() -> Iterator[None]:
    """Processes started inside have `_ENVIRONMENT`."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
