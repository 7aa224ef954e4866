"""What the system may have too little of: memory is asked for before it is needed, and a refusal is put into words.

OpenBLAS, which numpy brings along, asks again for ever where it is refused its buffer: a process with too
little memory would turn at full load without a word. Newer ones give up, and end the process in their own way.
"""

from __future__ import annotations

from monitor.errors import ShortageError
from monitor.host import address_limit_bytes, can_reserve

HEARING_BYTES = 262_000_000
"""Addresses that are taken from the start to the first event, most of them before the first thread; with NumPy 2 and
LiteRT a little more, but what they lack then is refused in words. 70 to 100 MB of memory stand behind them."""
NUMPY_BYTES = 90_000_000
"""Of verbs that load no model."""
RELOAD_BYTES = 64_000_000
"""A model that is checked while another one works: one more buffer of OpenBLAS, 32 MiB, and the model itself."""

_MAPPING_REFUSED = ("failed to map", "annot allocate memory", "Error importing numpy")
"""How the loader says that a library finds no room, and numpy whatever it finds."""
_MEGABYTE = 1_000_000


def demand(n_bytes: int) -> None:
    """See that `n_bytes` of addresses can be had; none is kept, and no memory is touched.

    Raises:
        ShortageError: they can not.
    """
    if not can_reserve(n_bytes):
        raise _no_memory(f"wanted {n_bytes // _MEGABYTE} MB more")


def shortage_of(error: BaseException) -> ShortageError | None:
    """What an error says of memory or threads; None where it is about something else."""
    if isinstance(error, MemoryError):
        return _no_memory(str(error))
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return ShortageError(
            "no further thread can be started; allow more processes (ulimit -u, TasksMax=) or more memory (ulimit -v)"
        )
    if isinstance(error, ImportError | OSError) and any(sign in str(error) for sign in _MAPPING_REFUSED):
        return None if can_reserve(NUMPY_BYTES) else _no_memory("a library cannot be loaded")
    return None


def _no_memory(detail: str) -> ShortageError:
    limit_bytes = address_limit_bytes()
    if limit_bytes is None:
        remedy = "end other programs, or let the kernel promise more (vm.overcommit_memory)"
    else:
        remedy = f"this process may have {limit_bytes // _MEGABYTE} MB of addresses: allow more (ulimit -v, LimitAS=)"
    return ShortageError(f"not enough memory ({detail}); {remedy}" if detail else f"not enough memory; {remedy}")
