"""What the source says about settings: Python keeps no docstrings of attributes."""

from __future__ import annotations

import ast
import inspect
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

from monitor.errors import RefusedError

if TYPE_CHECKING:
    import msgspec


def attribute_docstrings(table: type[msgspec.Struct]) -> dict[str, str]:
    """Field to the text below it, each in one line.

    Raises:
        RefusedError: the program was installed without its source.
    """
    try:
        source = inspect.getsource(sys.modules[table.__module__])
    except OSError:
        message = f"the source of {table.__module__} is not installed, and with it the description of the settings"
        raise RefusedError(f"{message}; install the program again") from None
    body = next(
        node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == table.__name__
    )
    found = {}
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and (text := _text(below)):
            found[field.target.id] = " ".join(text.split())
    return found


def _text(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return str(statement.value.value)
    return ""
