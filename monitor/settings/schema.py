"""A JSON Schema of the configuration file, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from monitor.settings.docstrings import attribute_docstrings
from monitor.settings.secret import Secret

if TYPE_CHECKING:
    from monitor.settings.catalogue import Catalogue


def file_schema(catalogue: Catalogue[Any]) -> dict[str, Any]:
    """The schema (draft 2020-12), with ranges, defaults and descriptions.

    Raises:
        RefusedError: the program was installed without its source.
    """
    schema = msgspec.json.schema(catalogue.tables[()], schema_hook=_secret)
    definitions = schema["$defs"]
    for table in catalogue.tables.values():
        _describe(definitions[table.__name__]["properties"], attribute_docstrings(table))
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ser-monitor:config:{catalogue.keys[('schema_version',)].default}",
        "title": "ser-monitor configuration",
    }
    return {**head, **schema}


def _describe(properties: dict[str, Any], meaning: dict[str, str]) -> None:
    for name, described in properties.items():
        if name in meaning:
            described["description"] = meaning[name]
        if "pattern" in described:
            # The end of a text: `$` is that in the schema's regular expressions, not in Python's.
            described["pattern"] = described["pattern"].replace(r"\Z", "$")


def _secret(kind: type) -> dict[str, Any]:
    """No secret is right in a file.

    Raises:
        NotImplementedError: any other type that msgspec does not know.
    """
    if kind is Secret:
        return {"not": {}}
    raise NotImplementedError
