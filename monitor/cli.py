"""The command line: argparse and the way out; what a verb does stands in `monitor.commands`."""

from __future__ import annotations

import argparse
import io
import logging
import os
import shlex
import signal
import sys
from importlib import import_module
from importlib.metadata import version

from monitor.checkup import CHECKS
from monitor.errors import MissingDependencyError, MonitorError, quoted
from monitor.host import share_memory_among_threads
from monitor.logs import journal_prefix
from monitor.shortage import HEARING_BYTES, NUMPY_BYTES, demand, shortage_of

# BLAS threads double the CPU time of our small matrix products; read when numpy is imported, which is later.
for _library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

_INTERRUPTED = 130
_INTERNAL = 70
_PIP_NAMES = {"webrtcvad": "webrtcvad-wheels", "paho": "paho-mqtt", "prometheus_client": "prometheus-client"}
"""Where pip knows a module by another name."""

VERBS = {
    "run": "listen and print emotion events (the default)",
    "devices": "list the input devices by name",
    "check": "try everything from the configuration to the broker, and say what fails and what to do",
    "analyze": "one result for each audio file",
    "model": "show or verify a model file",
    "config": "show the settings and where each comes from, check or write a configuration file",
    "ha-discovery": "print what Home Assistant is told, or remove this monitor from it",
}

_WITHOUT_MODEL = ("devices", "config", "ha-discovery")

NOTICE = (
    "Emotion is inferred from how a voice sounds; it is not a reading of what someone feels. "
    "Tell the people who are listened to."
)


def main(arguments: list[str] | None = None) -> int:
    """Parse, run the verb, and turn errors into one line and an exit code."""
    _prepare_streams()
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the daemon takes over
        share_memory_among_threads()
        demand(NUMPY_BYTES if options.verb in _WITHOUT_MODEL else HEARING_BYTES)
        code: int = import_module(module_of(options.verb)).run(options)
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 0 if options.verb == "run" else _INTERRUPTED
    except Exception as error:
        if not isinstance(error, MonitorError | ImportError) and getattr(options, "log_level", None) == "debug":
            raise
        message, code = _explain(error)
        print(f"{journal_prefix(logging.ERROR)}ser-monitor: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def module_of(verb: str) -> str:
    """Where `run` of a verb is."""
    return f"monitor.commands.{verb.replace('-', '_')}"


def _prepare_streams() -> None:
    """UTF-8 where programs read, whatever the locale says; and somewhere to write where stderr is closed."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")
        else:
            # File names may hold undecodable bytes: they come out as they were.
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")


def _explain(error: Exception) -> tuple[str, int]:
    """What to say, and an exit code."""
    error = shortage_of(error) or error
    if isinstance(error, ImportError):
        package = (error.name or "").partition(".")[0]
        error = MissingDependencyError(_PIP_NAMES.get(package, package) or "?", error)
    if isinstance(error, MonitorError):
        return str(error), error.exit_code
    return f"internal error: {type(error).__name__}: {quoted(error)}", _INTERNAL


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _parser()
    if arguments and (not arguments[0].startswith("-") or arguments[0] in ("-h", "--help", "--version")):
        return parser.parse_args(arguments)
    # `ser-monitor --stdout` has no verb: it runs the monitor.
    options, left = parser.parse_known_args(["run", *arguments])
    verb = next((word for word in left if word in VERBS), None)
    if verb is not None:
        parser.exit(2, f"ser-monitor: error: put options behind the verb: {_verb_first(arguments, verb)}\n")
    if left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    return options


def _verb_first(arguments: list[str], verb: str) -> str:
    """The command as it was meant."""
    at = len(arguments) - 1 - arguments[::-1].index(verb)
    return shlex.join(["ser-monitor", *arguments[at:], *arguments[:at]])


def _parser() -> argparse.ArgumentParser:
    run_options = _run_options()
    parser = argparse.ArgumentParser(
        prog="ser-monitor",
        usage="ser-monitor [OPTION ...]        listen\n       ser-monitor VERB [OPTION ...]",
        description="Hears a microphone and says which emotion the voice expresses, as events.",
        epilog=NOTICE,
        parents=[run_options],
    )
    parser.add_argument("--version", action="version", version=f"ser-monitor {version('ser-monitor')}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", prog="ser-monitor")
    verbs.add_parser("run", help=VERBS["run"], description=VERBS["run"], parents=[_run_options()], epilog=NOTICE)
    verbs.add_parser("devices", help=VERBS["devices"], description=VERBS["devices"])
    _add_check(verbs.add_parser("check", help=VERBS["check"], description=VERBS["check"]))
    _add_analyze(verbs.add_parser("analyze", help=VERBS["analyze"], description=VERBS["analyze"], epilog=NOTICE))
    _add_model(verbs.add_parser("model", help=VERBS["model"], description=VERBS["model"]))
    _add_config(verbs.add_parser("config", help=VERBS["config"], description=VERBS["config"]))
    discovery = VERBS["ha-discovery"]
    _add_ha_discovery(verbs.add_parser("ha-discovery", help=discovery, description=discovery))
    for verb in verbs.choices.values():
        verb.add_argument("--version", action="version", version=f"ser-monitor {version('ser-monitor')}")
    return parser


def _run_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("listening")
    group.add_argument("--stdout", action="store_true", help="print events (the default while no other output is on)")
    group.add_argument("--format", choices=("pretty", "json"), help="default: pretty on a terminal, json when piped")
    group.add_argument(
        "--input",
        default="mic",
        type=_not_empty,
        metavar="mic|FILE|-|demo",
        help="microphone, a recording, raw s16le on standard input, or the bundled clip; default: mic",
    )
    group.add_argument(
        "--device", type=_not_empty, metavar="NAME", help="part of a name that `ser-monitor devices` prints"
    )
    group.add_argument("--realtime", action="store_true", help="play a recording at its own pace")
    group.add_argument("--start-time", metavar="ISO8601", help="when a recording began; default: now")
    group.add_argument("--rate", type=_positive, metavar="HZ", help="of `--input -`; default: 16000")
    group.add_argument("--channels", type=_positive, metavar="N", help="of `--input -`; default: 1")
    _add_common(group)
    return options


def _add_common(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--config", type=_not_empty, metavar="FILE", help="a TOML file; default: the user's, then the system's"
    )
    parser.add_argument(
        "--model",
        type=_not_empty,
        metavar="FILE",
        help="a .tflite exported by ser-train, or gender-emotion, which is shipped too; default: the shipped emotion",
    )
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"))


def _add_check(parser: argparse.ArgumentParser) -> None:
    # Not `choices`: until Python 3.12 argparse refuses that no part is named.
    parser.add_argument("parts", nargs="*", type=_part, metavar="PART", help=f"{', '.join(CHECKS)}; default: all")
    parser.add_argument("--as-service", action="store_true", help="as the systemd service would see it; needs root")
    parser.add_argument("--json", action="store_true", help="JSON Lines, one object a step")
    parser.add_argument(
        "--device", type=_not_empty, metavar="NAME", help="part of a name that `ser-monitor devices` prints"
    )
    _add_common(parser)


def _add_analyze(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="anything that libsndfile reads")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON Lines, one object a file")
    form.add_argument("--csv", action="store_true", help="a table with a column for each label")
    parser.add_argument("--segments", action="store_true", help="also each stretch of speech")
    _add_common(parser)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("show", "verify"), help="the card; or all checks of a start")
    parser.add_argument("file", nargs="?", metavar="FILE", help="default: the configured or the shipped model")
    parser.add_argument("--json", action="store_true", help="the whole card as JSON")
    _add_common(parser)


def _add_config(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="what holds, and where each value comes from")
    show.add_argument("--json", action="store_true", help="as JSON")
    for flag in ("--device", "--model", "--log-level"):
        show.add_argument(flag, type=_not_empty, help="as given to `ser-monitor run`")
    check = actions.add_parser("check", help="whether the file, the environment and the files they name are right")
    for reader in (show, check):
        file = reader.add_mutually_exclusive_group()
        file.add_argument("--config", type=_not_empty, metavar="FILE", help="the same as FILE")
        # Without a default it leaves alone what --config has set.
        file.add_argument(
            "config",
            nargs="?",
            type=_not_empty,
            default=argparse.SUPPRESS,
            metavar="FILE",
            help="a TOML file; default: the user's, then the system's",
        )
    init = actions.add_parser("init", help="write a commented file that holds all defaults")
    init.add_argument("--output", type=_not_empty, metavar="FILE", help="default: standard output")
    init.add_argument("--force", action="store_true", help="replace the file where there is one")
    actions.add_parser("schema", help="print a JSON Schema of the file, for editors")


def _add_ha_discovery(parser: argparse.ArgumentParser) -> None:
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--print", action="store_true", help="the topic on the first line, then the message as JSON")
    action.add_argument(
        "--remove",
        action="store_true",
        help="clear it at the broker; of a former node: SER_MONITOR__NODE=NAME ser-monitor ha-discovery --remove",
    )
    _add_common(parser)


def _not_empty(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("found an empty text; is a shell variable unset?")
    return text


def _part(text: str) -> str:
    if text not in CHECKS:
        raise argparse.ArgumentTypeError(f"found '{text}', wanted one of {', '.join(CHECKS)}")
    return text


def _positive(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"found {value}, wanted a number above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
