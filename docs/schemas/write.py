# ruff: noqa: INP001
"""Writes the JSON Schemas beside it from what the program promises: `python docs/schemas/write.py`, `make schemas`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from monitor.config import Settings
from monitor.mqtt.payloads import schemas
from monitor.settings.catalogue import Catalogue
from monitor.settings.schema import file_schema
from monitor.sinks.schema import event_schema

FOLDER = Path(__file__).parent


def promised() -> dict[str, dict[str, Any]]:
    """The schemas, by the names of their files: one for each JSON topic, one for the configuration file."""
    return {"event": event_schema(), **schemas(), "configuration": file_schema(Catalogue(Settings))}


def main() -> None:
    """Write each into its file."""
    for name, schema in promised().items():
        text = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
