"""The checkup as the service would see it: its user, its groups, its sandbox, its credentials.

systemd runs the same checks in a transient service with the properties of the installed unit. The password goes there
as a credential or by name of its variable, never on a command line.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.checkup.service import BOOTED, SYSTEM, UNIT, systemctl
from monitor.errors import ConfigError, PermissionDeniedError, UsageError
from monitor.settings.environment import public_environment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

_HOW_IT_RUNS = re.compile(
    "Type|NotifyAccess|Exec|Restart|SuccessExitStatus|Timeout|RuntimeMax|Watchdog|OOMPolicy|KillMode|KillSignal|Send"
    "|FinalKill|Standard|Syslog|PIDFile|RemainAfterExit|GuessMainPID|BusName|Sockets|NonBlocking|FileDescriptorStore"
)
"""Beginnings of properties that say how a service starts and ends, not what it may see."""
_MAY_BE_SECRET = ("SetCredential", "SetCredentialEncrypted")
"""Values that must not stand on a command line."""
_KEPT_FLAGS = ("--config", "--model", "--device")
_DEFAULTS = (("DynamicUser", "yes"), ("SupplementaryGroups", "audio"))
"""Where no unit is installed."""
_USER = "ser-monitor"
_SYSTEMD_FAILURES = {
    1: "see the line above",
    200: "it may not enter its working directory",
    203: "it may not execute the program; is that in somebody's home, which the service does not see?",
    216: "a group of it does not exist; add it, or take it out of SupplementaryGroups",
    217: "its user does not exist",
    226: "its sandbox cannot be set up on this machine; see journalctl",
    228: "the filter of system calls cannot be set up on this machine",
    243: "a credential is missing; see LoadCredential in the unit",
}
"""Exit statuses of systemd itself (systemd.exec(5)), and 1 of systemd-run: the checks were not made."""
_REFUSED = 78


@dataclass(frozen=True, slots=True)
class Unit:
    """What the service's unit says about its surroundings."""

    program: tuple[str, ...]
    """The program, and those of its flags that say what it runs with."""
    properties: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]


def check_as_service(options: argparse.Namespace) -> int:
    """Run the checks as the service would, and return their exit code.

    Raises:
        UsageError: flags that the service has of its own.
        ConfigError: systemd does not run here, or cannot start the service.
        PermissionDeniedError: this is not root.
    """
    for flag, given in (("--device", options.device), ("--model", options.model)):
        if given:
            raise UsageError(f"{flag} does not go with --as-service: the service has its own; leave one of them out")
    unit = _installed_unit()
    command = as_service(unit, _arguments(options))
    shown = shlex.join(command)
    program = shutil.which(command[0])
    if program is None or not BOOTED.is_dir():
        raise ConfigError(f"--as-service needs systemd, which does not run here; where it runs, it does: {shown}")
    if os.geteuid() != 0:
        raise PermissionDeniedError(f"--as-service needs root: sudo {shlex.join(sys.argv)}; it does: {shown}")
    print(f"ser-monitor: {'' if unit else f'{UNIT} is not installed; '}running {shown}", file=sys.stderr, flush=True)
    environment = public_environment() | dict(unit.environment if unit else ())
    status = subprocess.run([program, *command[1:]], env=environment, check=False).returncode
    if status in _SYSTEMD_FAILURES:
        raise ConfigError(f"systemd cannot start the service: {_SYSTEMD_FAILURES[status]}")
    return status if status >= 0 else _REFUSED


def as_service(unit: Unit | None, arguments: list[str]) -> list[str]:
    """The command that runs `ser-monitor check` with `arguments` as the service would; without a unit by defaults."""
    program = unit.program if unit else (sys.executable, "-m", "monitor.cli")
    properties = list(unit.properties if unit else _DEFAULTS)
    names = [name for name, _ in properties]
    if "DynamicUser" in names and "User" not in names:
        # The name of a dynamic user is that of its unit, which is another one here.
        properties.append(("User", _USER))
    settings = [word for name, value in properties for word in ("-p", f"{name}={value}")]
    variables = [word for name, value in (unit.environment if unit else ()) for word in ("-E", _variable(name, value))]
    ways = ["--wait", "--pipe", "--quiet", "--collect"]
    return ["systemd-run", *ways, *settings, *variables, "--", program[0], *_checking(program[1:]), *arguments]


def parse_unit(text: str) -> Unit | None:
    """A unit with its drop-ins, as `systemctl cat` prints it; None where it starts nothing."""
    program: list[str] = []
    properties: list[tuple[str, str]] = []
    environment: dict[str, str] = {}
    for name, value in _service_lines(text):
        if name == "ExecStart":
            program = shlex.split(value.lstrip("@-:+!")) if value else []
        elif name == "Environment":
            environment = environment | dict(_variables(value)) if value else {}
        elif name not in _MAY_BE_SECRET and not _HOW_IT_RUNS.match(name):
            properties.append((name, value))
    if not program:
        return None
    return Unit((program[0], *_kept(program[1:])), tuple(properties), tuple(environment.items()))


def _installed_unit() -> Unit | None:
    text = systemctl(SYSTEM, "cat", UNIT)
    return parse_unit(text) if text else None


def _arguments(options: argparse.Namespace) -> list[str]:
    config = ["--config", os.path.abspath(options.config)] if options.config else []  # noqa: PTH100 - it may not exist
    level = ["--log-level", options.log_level] if options.log_level else []
    return [*config, *level, *(["--json"] if options.json else []), *options.parts]


def _checking(arguments: tuple[str, ...]) -> list[str]:
    """The program's arguments with the verb `check`, which comes after a module's name."""
    n_before = 2 if arguments[:1] == ("-m",) else 0
    return [*arguments[:n_before], "check", *arguments[n_before:]]


def _kept(arguments: list[str]) -> Iterator[str]:
    """Those of the service's flags that `check` has too."""
    words = iter(arguments)
    for word in words:
        name, separator, _ = word.partition("=")
        if name in _KEPT_FLAGS or word == "-m":
            yield word
            if not separator:
                yield next(words, "")


def _service_lines(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values of the sections [Service], in their order."""
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped
        elif section == "[Service]" and "=" in stripped and stripped[0] not in "#;":
            name, _, value = stripped.partition("=")
            yield name.strip(), value.strip()


def _variables(value: str) -> Iterator[tuple[str, str]]:
    for word in shlex.split(value):
        name, _, content = word.partition("=")
        yield name, content


def _variable(name: str, value: str) -> str:
    """For the command line: of a secret only the name, so that systemd-run takes it from its environment."""
    return name if "PASSWORD" in name.upper() else f"{name}={value}"
