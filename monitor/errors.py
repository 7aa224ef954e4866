"""Errors that end a command: each says what was found, what was wanted and what to do, in one line.

The exit codes are those of sysexits.h where one fits.
"""

from __future__ import annotations

import sys

_MOST_QUOTED = 200


def visible(text: str) -> str:
    """Text from outside, without what would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def quoted(reason: object) -> str:
    """What a library says of something from outside, fit for an error: on one line, at most 200 characters.

    It may repeat whatever it has met: a whole file, or what moves a terminal's cursor.
    """
    text = visible(" ".join(str(reason).split()))
    return text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]}…"


class MonitorError(Exception):
    """An error the user can act on; `exit_code` is the process' exit status."""

    exit_code = 70


class UsageError(MonitorError):
    """The command line asks for something that does not fit together."""

    exit_code = 2


class BadAudioError(MonitorError):
    """An audio file or stream cannot be decoded, or is cut short."""

    exit_code = 65


class NoInputError(MonitorError):
    """A file, a device or a sound library is not there."""

    exit_code = 66


class BrokerError(MonitorError):
    """The MQTT broker cannot be reached, or refuses this monitor."""

    exit_code = 69


class OutputFailedError(MonitorError):
    """A sink cannot be written, e.g. a full disk behind stdout."""

    exit_code = 74


class ShortageError(MonitorError):
    """The operating system gives too little memory, or too few threads."""


class StuckError(MonitorError):
    """A part of the program hangs for good: only a new process helps."""

    exit_code = 75


class PermissionDeniedError(MonitorError):
    """The operating system refuses the file or the device."""

    exit_code = 77


class RefusedError(MonitorError):
    """Configuration, model or installation cannot be used as it is."""

    exit_code = 78


class ConfigError(RefusedError):
    """A setting is unknown, of the wrong type or out of range."""


class ModelError(RefusedError):
    """A model file is damaged, incomplete, or made for other features than this program computes."""


class MissingLibraryError(RefusedError):
    """A system library that no Python package brings is missing."""


class MissingDependencyError(RefusedError):
    """A Python package that this installation needs cannot be imported."""

    def __init__(self, package: str, cause: Exception) -> None:
        """Name `package` (as pip knows it) and the import error behind it."""
        # There are many pips on a machine: that of this Python is wanted.
        pip = f"{sys.executable or 'python3'} -m pip"
        super().__init__(
            f"the Python package '{package}' cannot be imported ({cause}); install it: {pip} install {package}"
        )
