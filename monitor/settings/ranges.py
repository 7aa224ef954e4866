"""What a type accepts, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from msgspec import inspect

from monitor.settings.literal import literal

if TYPE_CHECKING:
    from collections.abc import Sequence


def in_words(kind: Any, *, as_text: bool = False) -> str:
    """What is wanted, e.g. `an integer from 1 to 65535`.

    Args:
        kind: the type of a setting; `Meta(extra={"wanted": ..., "self_evident": ...})` says it where limits do not.
        as_text: whether the value is given without quotes, as in the environment.
    """
    info = inspect.type_info(kind)
    if isinstance(info, inspect.Metadata):
        if info.extra and "wanted" in info.extra:
            return str(info.extra["wanted"])
        info = info.type
    if isinstance(info, inspect.BoolType):
        return "true, false, 1 or 0" if as_text else "true or false"
    if isinstance(info, inspect.LiteralType):
        # msgspec sorts them; the order of the declaration tells more.
        return _alternatives([str(value) if as_text else literal(value) for value in get_args(kind)])
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return _range(info)
    return "text"


def worth_saying(kind: Any) -> bool:
    """Whether the range is news to somebody who sees the setting's meaning and its default."""
    info = inspect.type_info(kind)
    if isinstance(info, inspect.Metadata):
        return not (info.extra or {}).get("self_evident", False)
    if isinstance(info, inspect.LiteralType):
        return len(info.values) > 1
    return isinstance(info, inspect.IntType | inspect.FloatType)


def _alternatives(values: Sequence[str]) -> str:
    *most, last = values
    return f"{', '.join(most)} or {last}" if most else last


def _range(info: inspect.IntType | inspect.FloatType) -> str:
    noun = "an integer" if isinstance(info, inspect.IntType) else "a number"
    if info.gt is not None:
        noun += f" above {info.gt:g}" + ("," if info.le is not None else "")
    if info.ge is not None and info.le is not None:
        return f"{noun} from {_plain(info.ge)} to {_plain(info.le)}"
    if info.le is not None:
        return f"{noun} at most {_plain(info.le)}"
    return f"{noun} of {_plain(info.ge)} or more" if info.ge is not None else noun


def _plain(limit: float) -> str:
    return str(int(limit)) if limit == int(limit) else str(limit)
