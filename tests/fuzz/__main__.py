"""`python -m tests.fuzz [NAME ...] --minutes 10`: fuzz each target for so long, guided by coverage; needs atheris.

What broke a promise is kept in `tests/fuzz/findings/NAME/`, ends the run of that target, and makes the exit code 1.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from fuzz import TARGETS  # noqa: E402 - as the tests import it

_INSTRUMENTED = ["monitor", "tomllib", "zipfile", "numpy.lib.format"]
_INPUT_S = 20
_MEMORY_MB = 1024
_FIGURES = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")
_EXECUTIONS = re.compile(r"number_of_executed_units: (\d+)|^Done (\d+) runs", re.MULTILINE)


def main():
    options = _options()
    if find_spec("atheris") is None:
        sys.exit("python -m tests.fuzz needs atheris; install it: pip install -e '.[fuzz]'")
    if options.in_process:
        _fuzz(options.names[0], options.libfuzzer)
    codes = [_run(name, options.minutes) for name in options.names or TARGETS]
    return max(codes)


def _options():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(TARGETS)}; default: all")
    parser.add_argument("--minutes", type=float, default=10, help="for each target; default: 10")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options, options.libfuzzer = parser.parse_known_args()
    if strangers := set(options.names) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(strangers))}; wanted some of {', '.join(TARGETS)}")
    if options.libfuzzer and not options.in_process:
        parser.error(f"unrecognized arguments: {' '.join(options.libfuzzer)}")
    return options


def _run(name, minutes):
    """Fuzz in a process of its own, which may crash; 0 where nothing was found."""
    findings = TESTS / "fuzz" / "findings" / name
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"ser-fuzz-{name}-") as corpus, tempfile.TemporaryFile("w+") as said:
        limits = [f"-max_total_time={round(60 * minutes)}", f"-timeout={_INPUT_S}", f"-rss_limit_mb={_MEMORY_MB}"]
        command = [sys.executable, __file__, name, "--in-process", *limits, "-print_final_stats=1", "-max_len=65536"]
        for number, seed in enumerate([*import_module(f"fuzz.{name}").seeds(), *(f.read_bytes() for f in before)]):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        code = subprocess.run([*command, f"-artifact_prefix={findings}/", corpus], stderr=said, check=False).returncode
        said.seek(0)
        text = said.read()
    found = sorted(set(findings.iterdir()) - before)
    if not any(findings.iterdir()):
        findings.rmdir()
    print(_summary(name, text, time.monotonic() - began_s), flush=True)
    for path in found:
        print(f"  found {path.relative_to(TESTS.parent)}")
    if code:
        print(_reason(text))
    return 1 if code or found else 0


def _summary(name, text, seconds):
    coverage, features, corpus = (_FIGURES.findall(text) or [("?", "?", "?")])[-1]
    executions = next((first or second for first, second in reversed(_EXECUTIONS.findall(text))), "?")
    figures = f"{executions} executions in {seconds:.0f} s, coverage {coverage} edges, {features} features"
    return f"{name}: {figures}, corpus {corpus}"


def _reason(text):
    """What libFuzzer says of a crash, a hang or too much memory; Python's own account is printed already."""
    return "\n".join(f"  {line}" for line in text.splitlines() if line.startswith(("SUMMARY", "==")))


def _fuzz(name, libfuzzer):
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED, enable_loader_override=False):
        check = import_module(f"fuzz.{name}").check
    atheris.Setup([sys.argv[0], *libfuzzer], check)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
