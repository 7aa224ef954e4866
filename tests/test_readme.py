"""What the README shows is what the program prints."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest

from monitor.card import read_model_file
from monitor.cli import _parse
from monitor.config import load_settings
from monitor.model import shipped_model
from monitor.sinks.schema import event_schema

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found
    return found


def test_the_example_event_is_valid_and_complete():
    event = json.loads(blocks("json")[0])
    jsonschema.validate(event, event_schema())
    assert set(event) == set(event_schema()["properties"])


def test_commands_are_understood():
    commands = [line for block in blocks("sh") for line in block.splitlines() if "ser-monitor " in line]
    for line in commands:
        command = line.split("|")[-1].split("#")[0].split()
        if command[0] == "ser-monitor":
            _parse(command[1:])


def test_the_example_configuration_is_accepted(tmp_path):
    (tmp_path / "config.toml").write_text(blocks("toml")[0])
    assert load_settings(tmp_path / "config.toml", {}).audio.device == "USB"


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


@pytest.mark.parametrize("corpus", ["RAVDESS", "EmoDB", "nEMO"])
def test_figures_are_those_of_the_shipped_card(corpus):
    card = msgspec.to_builtins(read_model_file(shipped_model()).card)
    uar = [m["value"] for m in card["metrics"] if m["name"] == "uar" and m["on"].startswith(corpus)]
    row = next(line for line in README.splitlines() if line.startswith(f"| {corpus}"))
    shown = [float(number) for number in re.findall(r"\d+\.\d", row)]
    assert shown == pytest.approx([100 * value for value in uar], abs=0.06)
