"""What the documents show is true: examples, commands, tables, links; and the schemas beside them are the program's."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shlex
import textwrap
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from paho.mqtt.client import topic_matches_sub

from monitor import errors
from monitor.card import read_model_file
from monitor.cli import _parse
from monitor.config import load_settings
from monitor.model import shipped_model
from monitor.mqtt.topics import EVENT, MUTE_SET, REQUESTS, TOPICS, TopicTree
from monitor.records import MonitorState
from monitor.sinks.homeassistant import discovery_payload

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "docs" / "schemas"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
TREE = TopicTree("ser-monitor", "kitchen")
FENCED = re.compile(r"^( *)```(\w+)(?: ([\w.-]+))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
"""A block: indentation, language, marker, text."""
INLINE_COMMAND = re.compile(r"`((?:sudo )?(?:[A-Z_]+=\S+ )?(?:ser-monitor|mosquitto_sub|mosquitto_pub|make) [^`]*)`")
OF_THE_SYSTEM = ("Assertion failed", "Watchdog timeout", "listening", "uncertain", "clock_synced", "false", "check")
"""Words in the tables of symptoms that systemd says, or that are settings and states."""


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    language: str
    marker: str
    """What follows the language: which payload, which file."""
    text: str

    def __str__(self):
        return f"{self.page} {self.language} {self.marker} {self.text[:40]!r}"


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(language, pages=NAMES):
    found = [
        Block(page, match[2], match[3] or "", textwrap.dedent(match[4]))
        for page in pages
        for match in FENCED.finditer(text_of(page))
    ]
    return [block for block in found if block.language == language]


def section(page, title):
    """The text below a heading `## title`, up to the next of its rank, without what is fenced."""
    prose = FENCED.sub("", text_of(page))
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", prose, re.MULTILINE | re.DOTALL)
    assert match, f"{page} has no section {title}"
    return match[1]


def rows(text, columns):
    """The cells of the first table in `text` that has so many columns, without its head."""
    lines = [line.strip().strip("|") for line in text.splitlines() if line.strip().startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return [row for row in cells if len(row) == columns and not set("".join(row)) <= set("-: ")][1:]


def code(cell):
    return re.findall(r"`([^`]+)`", cell)


def schema(name):
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


def discovery():
    labels = read_model_file(shipped_model()).card.labels
    return discovery_payload(uid="0" * 16, tree=TREE, labels=labels, model_name="emotion@0", version="0.1.0")


# --- schemas ---


def test_the_schemas_are_those_of_the_program():
    spec = importlib.util.spec_from_file_location("write_schemas", SCHEMAS / "write.py")
    write = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(write)
    written = {path.stem: schema(path.stem) for path in SCHEMAS.glob("*.json")}
    assert written == write.promised(), "write them anew: make schemas"


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_a_schema_is_one(path):
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


# --- examples ---


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_examples_keep_the_promise(block):
    value = json.loads(block.text)
    if block.marker == "node-red":
        return
    if block.marker == "level":
        assert set(value) == {"rms_dbfs", "peak_dbfs"}
        return
    # The one of the README has no marker.
    promise = schema(block.marker or "event")
    jsonschema.Draft202012Validator(promise).validate(value)
    assert set(value) <= set(promise["properties"])


def test_every_payload_has_an_example():
    shown = {block.marker for block in blocks("json", ["docs/mqtt.md"])}
    assert {path.stem for path in SCHEMAS.glob("*.json")} - {"configuration"} <= shown


def test_the_answer_in_the_example_holds_what_it_says():
    answer = next(json.loads(block.text) for block in blocks("json") if block.marker == "response")
    jsonschema.Draft202012Validator(schema("status")).validate(answer["data"])


OF_THE_TRAINER = ("corpora.md", "training.md")
"""Their TOML is no configuration of the monitor; tests/trainer tries it."""


@pytest.mark.parametrize(
    "block",
    [block for block in blocks("toml") if not str(block).startswith(tuple(f"docs/{one}" for one in OF_THE_TRAINER))],
    ids=str,
)
def test_toml_examples_are_accepted(block, tmp_path):
    (tmp_path / "config.toml").write_text(block.text, encoding="utf-8")
    load_settings(tmp_path / "config.toml", {})


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_examples_are_well_formed(block):
    for line in block.text.splitlines():
        indentation = len(line) - len(line.lstrip())
        assert indentation % 2 == 0
        assert "\t" not in line
        assert re.fullmatch(r" *(# .*|(- )?\w+:( .+)?|- \".*\")", line), line
    # No part of this project needs PyYAML; where it is, it may judge.
    with suppress(ModuleNotFoundError):
        assert importlib.import_module("yaml").safe_load(block.text)


@pytest.mark.parametrize("block", blocks("yaml", ["docs/mqtt.md"]), ids=str)
def test_automations_fire_at_an_angry_voice_alone(block):
    conditions = re.findall(r'^ +- "(\{\{.*\}\})"$', block.text, re.MULTILINE)
    assert conditions
    event = next(json.loads(one.text) for one in blocks("json") if one.marker == "event")
    now = datetime.now(UTC)
    angry = {**event, "emotion": "angry", "event_type": "angry", "confidence": 0.8, "end": now.isoformat()}
    assert all(holds(condition, angry) for condition in conditions)
    assert not all(holds(condition, {**angry, "confidence": 0.6}) for condition in conditions)
    for template in re.findall(r'value_template: "(.*)"', block.text):
        assert rendered(template, angry) == re.search('payload: "(.*)"', block.text)[1]
        assert rendered(template, {**angry, "type": "new"}) not in block.text
    if "entity_id: event." in block.text:
        assert not all(holds(condition, {**angry, "emotion": "sad", "event_type": "sad"}) for condition in conditions)
        old = {**angry, "end": (now - timedelta(hours=1)).isoformat()}
        assert not all(holds(condition, old) for condition in conditions)


def holds(condition, event):
    return rendered(condition, event) == "True"


def rendered(template, event):
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    environment.globals.update(now=lambda: datetime.now(UTC), timedelta=timedelta, as_datetime=datetime.fromisoformat)
    trigger = {"to_state": {"attributes": event}, "payload_json": event}
    return environment.from_string(template).render(trigger=trigger, value_json=event)


def test_entities_in_examples_exist():
    known = {component["default_entity_id"] for component in discovery()["components"].values()}
    text = text_of("docs/mqtt.md")
    assert set(re.findall(r"\b(?:sensor|binary_sensor|switch|event)\.ser_monitor_\w+", text)) == known


def test_the_node_red_flow_is_whole():
    (block,) = (block for block in blocks("json") if block.marker == "node-red")
    nodes = {node["id"]: node for node in json.loads(block.text)}
    assert len(nodes) == len(json.loads(block.text))
    for node in nodes.values():
        assert all(target in nodes for output in node.get("wires", []) for target in output)
        assert len(node.get("wires", [])) == node.get("outputs", len(node.get("wires", [])))
        assert node.get("z", "ser_tab") in nodes
        if node["type"] == "mqtt in":
            assert topic_matches_sub(node["topic"], TREE.of(EVENT))
            assert nodes[node["broker"]]["type"] == "mqtt-broker"
        if node["type"] == "switch":
            assert node["property"].removeprefix("payload.") in schema("event")["properties"]


# --- commands ---


def commands(line):
    """The words of each command in a line of shell, without `sudo` and variables."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    found = [[]]
    for word in lexer:
        if set(word) <= set(";&|"):
            found.append([])
        else:
            found[-1].append(word)
    for words in found:
        rest = words[words.index("sudo") + 1 :] if "sudo" in words else words
        while rest and re.fullmatch(r"[A-Z_]+=.*", rest[0]):
            rest = rest[1:]
        if rest[:2] == ["sh", "-c"]:
            yield from commands(rest[2].replace("$(", "").replace(") ", " ; "))
        elif rest:
            yield rest


def shell_lines(page):
    lines = [line for block in blocks("sh", [page]) for line in block.text.splitlines() if line.strip()]
    return [*lines, *(" ".join(line.split()) for line in INLINE_COMMAND.findall(text_of(page)))]


@pytest.mark.parametrize("page", NAMES)
def test_commands_are_understood(page):
    for line in shell_lines(page):
        for words in commands(line):
            if words[0] == "ser-monitor":
                understood(words[1:], line)


def understood(arguments, line):
    try:
        _parse(arguments)
    except SystemExit as end:  # also of --help and --version
        if end.code != 0:
            pytest.fail(f"the program does not understand: {line}")


@pytest.mark.parametrize("page", NAMES)
def test_make_knows_the_targets(page):
    makefile = text_of("Makefile")
    for line in shell_lines(page):
        for words in commands(line):
            if words[0] == "make":
                targets = [word for word in words[1:] if re.fullmatch("[a-z-]+", word) and not word.startswith("-")]
                assert all(re.search(rf"^[a-z -]*\b{target}\b[a-z -]*:", makefile, re.MULTILINE) for target in targets)


@pytest.mark.parametrize("page", NAMES)
def test_topics_in_commands_exist(page):
    known = {TREE.of(topic) for topic in (*TOPICS, MUTE_SET)}
    known |= {name(command) for command in REQUESTS for name in (TREE.request, TREE.response)}
    for line in shell_lines(page):
        for topic in re.findall(r"-[te] '?(ser-monitor/[^\s']+)", line):
            pattern = re.sub("^ser-monitor/(NODE|attic)/", "ser-monitor/kitchen/", topic)
            assert any(topic_matches_sub(pattern, one) for one in known), line


# --- tables ---


def test_the_table_of_topics_is_that_of_the_program():
    table = rows(section("docs/mqtt.md", "Topics"), 5)
    shown = {code(row[0])[0]: (row[1] == "yes", int(row[2]), row[3]) for row in table}
    sent = {topic.path: (topic.retain, topic.qos, f"{topic.expiry_s} s" if topic.expiry_s else "-") for topic in TOPICS}
    heard = dict.fromkeys((MUTE_SET.path, "request/COMMAND"), (False, 1, ""))
    assert shown == {**sent, **heard, "response/COMMAND": (False, 1, "-")}


def test_the_table_of_entities_is_what_home_assistant_is_told():
    table = rows(section("docs/mqtt.md", "Home Assistant"), 3)
    told = {one["name"]: [one["default_entity_id"]] for one in discovery()["components"].values()}
    assert {row[0]: code(row[1]) for row in table} == told


def test_all_states_are_explained():
    assert [code(row[0])[0] for row in rows(section("docs/mqtt.md", "Payloads"), 2)] == list(get_args(MonitorState))


def test_all_requests_are_explained():
    assert [code(row[0])[0] for row in rows(section("docs/mqtt.md", "Requests"), 2)] == list(REQUESTS)


def test_all_exit_codes_are_explained():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    known = {kind.exit_code for kind in kinds if issubclass(kind, errors.MonitorError)}
    table = {int(row[0]): row[2] for row in rows(section("docs/service.md", "Exit codes"), 3)}
    assert set(table) == known | {0, 130}
    listed = re.search(r"Other exit codes: (.*?);", text_of("README.md"), re.DOTALL)[1]
    assert {int(number) for number in re.findall(r"\b\d+\b", listed)} == known
    unit = (ROOT / "systemd/ser-monitor.service").read_text(encoding="utf-8")
    down = re.search("^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)[1]
    assert {str(number) for number, then in table.items() if then == "stays down"} == set(down.split())


@pytest.mark.parametrize("page", ["docs/mqtt.md", "docs/service.md"])
def test_symptoms_are_in_the_words_of_the_program(page):
    said = words_of_the_program()
    for row in rows(section(page, "When it does not work"), 2):
        for symptom in code(row[0]):
            if symptom in OF_THE_SYSTEM:
                continue
            # The status line puts a reason into brackets; variable parts are dots.
            for part in re.split(r"…|\d+", re.sub(r"^no audio \(|^degraded|^; ", "", symptom)):
                assert part.strip(" ()") in said, symptom


def words_of_the_program():
    """All its texts, variable parts as dots."""
    texts = []
    for file in (ROOT / "monitor").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                texts.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
    return "\n".join(texts)


# --- links ---


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", text_of(page)):
        if target.startswith("http"):
            continue
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def anchors(file):
    """Of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", file.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", NAMES)
def test_no_page_names_this_machine(page):
    text = text_of(page)
    assert "/work/" not in text
    assert "/root/" not in text
