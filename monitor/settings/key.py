"""One setting: its place, its type, its default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.errors import ConfigError
from monitor.settings.literal import shown
from monitor.settings.ranges import in_words
from monitor.settings.secret import Secret

if TYPE_CHECKING:
    from monitor.settings.found import KeyPath

VARIABLE_PREFIX = "SER_MONITOR__"


@dataclass(frozen=True, slots=True)
class Key:
    """A setting, whatever it is set to."""

    path: KeyPath
    kind: Any
    """Its type, `Annotated` with limits."""
    default: Any

    @property
    def name(self) -> str:
        """As in `vad.mode`."""
        return ".".join(self.path)

    @property
    def label(self) -> str:
        """As in `[vad] mode`."""
        return labelled(self.path)

    @property
    def variable(self) -> str:
        """As in `SER_MONITOR__VAD__MODE`."""
        return VARIABLE_PREFIX + "__".join(self.path).upper()

    @property
    def is_secret(self) -> bool:
        """Whether its value must neither stand in a file nor be printed."""
        return self.kind is Secret

    def accept(self, value: Any, subject: str, *, as_text: bool = False) -> Any:
        """The value as the setting's type.

        Args:
            value: as it was found.
            subject: what it was found as; an error begins with it.
            as_text: whether numbers and truth values may be given as text.

        Raises:
            ConfigError: wrong type or out of range; the value of a secret is not named.
        """
        try:
            return msgspec.convert(value, self.kind, strict=not as_text, dec_hook=_secret)
        except (msgspec.MsgspecError, ValueError, OverflowError):
            # msgspec itself names no value; besides, half characters and huge integers end in Python's own errors.
            found = "not text" if self.is_secret else shown(value)
            wanted = in_words(self.kind, as_text=as_text)
            raise ConfigError(f"{subject} is {found}, wanted {wanted}") from None


def labelled(path: KeyPath) -> str:
    """A path as in `[mqtt.tls] enabled`."""
    return f"[{'.'.join(path[:-1])}] {path[-1]}" if path[1:] else path[0]


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError(f"found {type(value).__name__}, wanted text")
