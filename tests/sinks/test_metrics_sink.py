"""Figures for Prometheus: what a scrape says, who may ask, and a text file that never ends the monitor."""

from __future__ import annotations

import http.client
import logging
import math
import os
import re
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from ports import free_port
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from waiting import wait_until

from monitor.config import MetricsSettings, load_settings
from monitor.errors import ConfigError, MissingDependencyError
from monitor.limits import METRICS_CLIENTS_MAX
from monitor.metrics import figures, textfile
from monitor.metrics.figures import FIGURES
from monitor.metrics.textfile import REFRESH_S
from monitor.records import (
    EmotionEvent,
    Estimate,
    Gap,
    LevelMeasured,
    MonitorState,
    Report,
    SpeechEnded,
    SpeechStarted,
    StatusTaken,
)
from monitor.sinks.metrics import MetricsSink
from monitor.sinks.outbox import Outbox

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
LABELS = ("angry", "neutral")
STATUS = StatusTaken(
    state="degraded",
    reason="an output does not keep up: the broker at secret.example",
    device="Ada's Headset",
    rate_hz=48_000,
    audio_age_s=0.1,
    uptime_s=125.5,
    memory_mb=66.4,
    cpu_percent=1.5,
    inference_p95_ms=2.5,
    audio_lost_s=1.25,
    reopens=2,
    reconnects=3,
    events=4,
    dropped=5,
    queue=6,
)
LEVEL = LevelMeasured(16_000, -24.6, -10.0)


def emotion(event_type, label, speech_s=0.0):
    scores = dict.fromkeys(LABELS, 0.5)
    event = EmotionEvent(event_type, 1, label, 0.5, scores)
    return Report(event, 0.0, {"emotion": label, "speech_s": speech_s})


def report(event):
    return Report(event, 0.0)


def estimate():
    posteriors = np.full(len(LABELS), 0.5)
    return report(Estimate(0, 48_000, posteriors, posteriors, "neutral", 0.5))


EVERYTHING = [
    report(SpeechStarted(0)),
    estimate(),
    emotion("new", "neutral"),
    estimate(),
    emotion("update", "uncertain"),
    emotion("end", "angry", 2.91),
    report(SpeechEnded(32_000, 30_000)),
    report(SpeechStarted(40_000)),
    report(SpeechEnded(42_000, 1_000)),
    report(Gap(48_000, 8_000, "device")),
    report(Gap(56_000, 8_000, "device")),
    report(Gap(64_000, 8_000, "overflow")),
    report(STATUS),
    report(LEVEL),
]


@pytest.fixture
def sink_of():
    made = []

    def make(node="kitchen", **settings):
        made.append(MetricsSink(MetricsSettings(**settings), node, "emotion@9f2c41aa", "1.2.3"))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


@pytest.fixture
def listening(sink_of):
    port = free_port()
    return sink_of(listen=f"127.0.0.1:{port}"), port


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    for module in (figures, textfile):
        monkeypatch.setattr(module, "elapsed_s", lambda: now[0])
    return now


def scrape(port, headers=None, address="127.0.0.1", path="/metrics"):
    connection = http.client.HTTPConnection(address, port, timeout=5)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def samples(port):
    """Name and label values, in the order of the labels' names, to value; the node's name is in every one."""
    found = [sample for family in parse(scrape(port)[1]) for sample in family.samples]
    assert {sample.labels.pop("node") for sample in found} == {"kitchen"}
    return {(s.name, *(s.labels[label] for label in sorted(s.labels))): s.value for s in found}


def test_a_scrape_tells_everything(listening):
    sink, port = listening
    for told in EVERYTHING:
        sink.write(told)
    found = samples(port)
    assert found.pop(("ser_monitor_cpu_seconds_total",)) == pytest.approx(time.process_time(), abs=1.0)
    assert 0 <= found.pop(("ser_monitor_audio_age_seconds",)) < 5
    states = {name: value for name, value in found.items() if name[0] == "ser_monitor_state"}
    assert states == {("ser_monitor_state", s): float(s == "degraded") for s in get_args(MonitorState)}
    events = {name[1:]: value for name, value in found.items() if name[0] == "ser_monitor_events_total"}
    assert {name for name, value in events.items() if value} == {
        ("neutral", "new"),
        ("uncertain", "update"),
        ("angry", "end"),
    }
    assert set(events.values()) == {0.0, 1.0}
    assert len(events) == 3 * (len(LABELS) + 1)
    rest = {
        name: value for name, value in found.items() if name[0] not in {"ser_monitor_state", "ser_monitor_events_total"}
    }
    assert rest == pytest.approx(
        {
            ("ser_monitor_build_info", "emotion@9f2c41aa", "1.2.3"): 1.0,
            ("ser_monitor_uptime_seconds",): 125.5,
            ("ser_monitor_audio_lost_seconds_total",): 1.25,
            ("ser_monitor_gaps_total", "device"): 2.0,
            ("ser_monitor_gaps_total", "overflow"): 1.0,
            ("ser_monitor_input_sample_rate_hertz",): 48_000.0,
            ("ser_monitor_input_reopens_total",): 2.0,
            ("ser_monitor_level_dbfs",): -24.6,
            ("ser_monitor_segments_total",): 2.0,
            ("ser_monitor_speech_seconds_total",): 2.91,
            ("ser_monitor_windows_total",): 2.0,
            ("ser_monitor_inference_p95_seconds",): 0.0025,
            ("ser_monitor_dropped_reports_total",): 5.0,
            ("ser_monitor_queued_events",): 6.0,
            ("ser_monitor_broker_reconnects_total",): 3.0,
            ("ser_monitor_resident_memory_bytes",): 66_400_000.0,
        }
    )


def test_neither_device_nor_reason_is_told(listening):
    sink, port = listening
    sink.write(report(STATUS))
    text = scrape(port)[1]
    assert STATUS.device not in text
    assert "secret.example" not in text


def test_before_the_first_report_counts_are_0_and_what_is_unknown_is_left_out(listening):
    found = samples(listening[1])
    assert found["ser_monitor_state", "starting"] == 1.0
    assert found["ser_monitor_segments_total",] == found["ser_monitor_dropped_reports_total",] == 0.0
    for unknown in ("level_dbfs", "inference_p95_seconds", "resident_memory_bytes"):
        assert (f"ser_monitor_{unknown}",) not in found


@pytest.mark.parametrize("parser", [parse, parse_openmetrics])
def test_every_figure_has_its_help_and_type_in_both_formats(listening, parser):
    sink, port = listening
    for told in EVERYTHING:
        sink.write(told)
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"} if parser is parse_openmetrics else {}
    answer, text = scrape(port, accept)
    assert ("openmetrics" in answer.headers["Content-Type"]) == (parser is parse_openmetrics)
    families = [(f.name, f.type, f.documentation) for f in parser(text)]
    assert families == [(f.name.removesuffix("_total"), f.kind, f.meaning) for f in FIGURES]


NOT_BASE = "ms milliseconds minutes hours days percent kilobytes megabytes mb kb khz microseconds"


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_names_are_as_promtool_wants_them(figure):
    """The rules of `promtool check metrics`, and https://prometheus.io/docs/practices/naming/."""
    assert re.fullmatch(r"ser_monitor_[a-z][a-z0-9_]*[a-z]", figure.name)
    assert (figure.kind == "counter") == figure.name.endswith("_total")
    words = set(figure.name.split("_"))
    assert not words & {*NOT_BASE.split(), "gauge", "counter", "count", "sum", "bucket"}
    assert figure.meaning.endswith(".")
    assert figure.meaning[0].isupper() or figure.meaning[0].isdigit()


def test_names_are_unique():
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)


def test_the_age_of_the_audio_is_that_of_the_moment_of_the_scrape(listening, clock):
    sink, port = listening

    def age():
        return samples(port)["ser_monitor_audio_age_seconds",]

    sink.write(report(LEVEL))
    assert age() == 0.0
    clock[0] += 3.5
    assert age() == 3.5
    sink.write(report(replace(STATUS, audio_age_s=20.0)))
    assert age() == 3.5
    sink.write(report(replace(STATUS, audio_age_s=1.0)))
    assert age() == 1.0
    sink.write(report(replace(STATUS, audio_age_s=None)))
    assert age() == 1.0


def test_a_monitor_that_never_heard_anything_grows_old_too(sink_of, clock):
    port = free_port()
    sink_of(listen=f"127.0.0.1:{port}")
    clock[0] += 121
    assert samples(port)["ser_monitor_audio_age_seconds",] == 121.0


@pytest.mark.parametrize("state", ["muted", "no_audio"])
def test_no_level_is_told_while_nothing_is_heard(listening, state):
    sink, port = listening
    sink.write(report(LEVEL))
    sink.write(report(replace(STATUS, state=state)))
    assert ("ser_monitor_level_dbfs",) not in samples(port)


def test_digital_silence_is_minus_infinity(listening):
    sink, port = listening
    sink.write(report(LevelMeasured(0, -math.inf, -math.inf)))
    assert samples(port)["ser_monitor_level_dbfs",] == -math.inf


def test_a_node_name_of_undecodable_bytes_does_no_harm(sink_of):
    port = free_port()
    sink_of(node='küche"\udce9', listen=f"127.0.0.1:{port}")
    nodes = {sample.labels["node"] for family in parse(scrape(port)[1]) for sample in family.samples}
    assert nodes == {'küche"\\udce9'}


def test_single_figures_can_be_asked_for(listening):
    text = scrape(listening[1], path="/metrics?name[]=ser_monitor_windows_total")[1]
    assert [family.name for family in parse(text)] == ["ser_monitor_windows"]


def test_scrapes_while_reports_come_are_whole(listening):
    sink, port = listening
    over = threading.Event()

    def write():
        while not over.is_set():
            for told in EVERYTHING:
                sink.write(told)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            # Three events and two windows a round: never torn by more than the round under way.
            found = samples(port)
            n_events = sum(value for name, value in found.items() if name[0] == "ser_monitor_events_total")
            assert abs(3 * found["ser_monitor_windows_total",] - 2 * n_events) <= 6
    finally:
        over.set()
        writer.join()


# Who may ask.


def listeners(port):
    """Addresses that listen on `port`, as the kernel writes them, in hexadecimal."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:] if Path(table).exists() else []:
            address, state = line.split()[1], line.split()[3]
            host, _, number = address.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(host)
    return found


def hexadecimal(family, address):
    packed = socket.inet_pton(family, address)
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the kernel's table of sockets is Linux' own")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_it_listens_on_loopback_only(sink_of, host):
    address = "::1" if host == "[::1]" else "127.0.0.1"
    family = socket.AF_INET6 if host == "[::1]" else socket.AF_INET
    try:
        port = free_port(address)
    except OSError as error:
        pytest.skip(f"no {address} here: {error}")
    sink_of(listen=f"{host}:{port}")
    assert listeners(port) == {hexadecimal(family, address)}
    assert scrape(port, address=address)[0].status == 200


@pytest.mark.parametrize("name", ["evil.example", "evil.example:9187", "127.0.0.1.evil.example", "[", ""])
def test_a_web_page_that_leads_its_own_name_here_learns_nothing(listening, name):
    answer, text = scrape(listening[1], {"Host": name})
    assert (answer.status == 200) == (name == "")
    assert ("ser_monitor" in text) == (name == "")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost:9187", "LOCALHOST", "[::1]:9187"])
def test_requests_under_names_of_this_machine_are_answered(listening, name):
    assert scrape(listening[1], {"Host": name})[0].status == 200


def test_a_port_in_use_is_named(sink_of):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} on 127\.0\.0\.1 is in use; choose another") as raised:
            sink_of(listen=f"127.0.0.1:{port}")
    assert raised.value.exit_code == 78


def test_port_0_is_refused(sink_of):
    with pytest.raises(ConfigError, match="found port 0, wanted 1 to 65535"):
        sink_of(listen="127.0.0.1:0")


STRANGE = ["0.0.0.0:9187", "192.168.1.2:9187", ":9187", "9187", "127.0.0.1", "[::]:9187", "127.0.0.1:65536"]


@pytest.mark.parametrize("listen", STRANGE)
def test_other_addresses_are_refused_by_the_settings(listen):
    with pytest.raises(ConfigError, match=r"(?i)listen"):
        load_settings(None, {"SER_MONITOR__METRICS__LISTEN": listen})


def test_close_frees_the_port_and_ends_the_threads_also_under_a_client_that_says_nothing(sink_of):
    before, port = set(threading.enumerate()), free_port()
    sink = sink_of(listen=f"127.0.0.1:{port}")
    with socket.create_connection(("127.0.0.1", port)):
        started_s = time.monotonic()
        sink.close()
        assert time.monotonic() - started_s < 1.5
    assert not listeners(port)
    sink_of(listen=f"127.0.0.1:{port}")
    assert samples(port)
    assert not [t for t in set(threading.enumerate()) - before if t.name == "metrics-http" and not t.daemon]


def test_many_clients_that_say_nothing_get_few_threads_and_block_nobody_for_long(sink_of):
    port = free_port()
    sink_of(listen=f"127.0.0.1:{port}")
    before = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5 * METRICS_CLIENTS_MAX)]
    try:
        # Those beyond are hung up on.
        for client in silent[METRICS_CLIENTS_MAX:]:
            client.settimeout(5)
            assert client.recv(1) == b""
        assert threading.active_count() - before <= METRICS_CLIENTS_MAX
    finally:
        for client in silent:
            client.close()
    wait_until(lambda: threading.active_count() <= before)
    assert samples(port)


def test_clients_that_break_off_or_talk_nonsense_are_not_heard_on_stderr(listening, capfd):
    port = listening[1]
    for nonsense in (
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00" * 50,
        b"GET / HTTP/1.1\r\n" * 500,
        b"POST / HTTP/1.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(nonsense)
            # Closed with a reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.3)
    assert samples(port)
    assert capfd.readouterr() == ("", "")


# The package is optional.


@pytest.mark.parametrize("setting", ["listen='127.0.0.1:9187'", "textfile='/nowhere/x.prom'"])
def test_a_missing_package_is_a_start_up_error_that_names_it(setting):
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from monitor.config import MetricsSettings\n"
        "from monitor.errors import MissingDependencyError\n"
        "from monitor.sinks.metrics import MetricsSink\n"
        "try:\n"
        f"    MetricsSink(MetricsSettings({setting}), 'n', 'm', 'v')\n"
        "except MissingDependencyError as error:\n"
        "    print(error.exit_code, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith("78 the Python package 'prometheus-client' cannot be imported")
    assert MissingDependencyError.exit_code == 78


# The text file.


def test_the_text_file_is_readable_for_others_whole_and_gone_at_the_end(sink_of, tmp_path):
    path = tmp_path / "ser-monitor.prom"
    sink = sink_of(textfile=str(path))
    assert not path.exists()
    previous = os.umask(0o077)
    try:
        sink.write(EVERYTHING[0])
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [f.name for f in parse(path.read_text())] == [f.name.removesuffix("_total") for f in FIGURES]
    assert list(tmp_path.iterdir()) == [path]
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_the_text_file_is_written_at_most_every_15_s(sink_of, tmp_path, clock):
    path = tmp_path / "x.prom"
    sink = sink_of(textfile=str(path))

    def segments():
        return next(f.samples[0].value for f in parse(path.read_text()) if f.name == "ser_monitor_segments")

    sink.write(report(SpeechStarted(0)))
    first = path.stat().st_ino
    clock[0] += REFRESH_S - 0.1
    sink.write(report(SpeechStarted(0)))
    assert (path.stat().st_ino, segments()) == (first, 1.0)
    clock[0] += 0.1
    sink.write(report(SpeechStarted(0)))
    assert segments() == 3.0


def test_what_a_killed_monitor_left_is_replaced_and_no_link_is_followed(sink_of, tmp_path):
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / "x.prom").write_text("old")
    (tmp_path / "x.prom.tmp").symlink_to(other)
    sink_of(textfile=str(tmp_path / "x.prom")).write(report(LEVEL))
    assert other.read_text() == "mine"
    assert "ser_monitor_state" in (tmp_path / "x.prom").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "x.prom"]


@pytest.mark.parametrize("name", ["figures.txt", "figures.prom.d", "", "a\0.prom", "figures.PROM"])
def test_a_text_file_that_node_exporter_would_not_read_is_refused(sink_of, name, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in \.prom"):
        sink_of(textfile=f"{tmp_path}/{name}")


def test_an_unknown_home_is_a_missing_folder(sink_of, caplog):
    sink_of(textfile="~nobody-of-that-name/x.prom").write(report(LEVEL))
    assert "No such file or directory" in caplog.text


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one page that is full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"this user may not mount a file system: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def told_again(sink, clock, times=3):
    for _ in range(times):
        clock[0] += REFRESH_S
        sink.write(report(LEVEL))


def test_a_full_disk_is_said_once_and_the_old_file_stays_whole(sink_of, small_disk, clock, caplog):
    caplog.set_level(logging.INFO)
    remount(small_disk, "size=64k")
    path = small_disk / "x.prom"
    sink = sink_of(textfile=str(path))
    sink.write(report(LEVEL))
    content = path.read_bytes()
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (64 * 1024 - (len(content) + 4095) // 4096 * 4096))
    told_again(sink, clock)
    assert warnings_of(caplog) == [f"metrics are not written to {path}: No space left on device; tried again by itself"]
    assert path.read_bytes() == content
    assert sorted(small_disk.iterdir()) == [filler, path]
    filler.unlink()
    told_again(sink, clock)
    assert path.read_bytes() != content
    assert [record.getMessage() for record in caplog.records][1:] == [f"metrics are written to {path} again"]


def test_a_read_only_disk_is_said_once(sink_of, small_disk, clock, caplog):
    remount(small_disk, "ro,size=64k")
    sink = sink_of(textfile=str(small_disk / "x.prom"))
    told_again(sink, clock)
    assert len(warnings_of(caplog)) == 1
    assert "Read-only file system" in caplog.text
    remount(small_disk, "rw")
    told_again(sink, clock)
    assert (small_disk / "x.prom").exists()
    remount(small_disk, "ro")
    told_again(sink, clock)
    assert len(warnings_of(caplog)) == 2
    sink.close()
    assert "its figures are old from now on" in warnings_of(caplog)[-1]
    remount(small_disk, "rw")


@pytest.mark.parametrize("what", ["missing", "a file", "a folder of that name", "not writable"])
def test_an_output_that_cannot_be_written_does_not_end_the_monitor(sink_of, tmp_path, clock, caplog, what):
    if what == "not writable" and os.geteuid() == 0:
        pytest.skip("root may write everywhere; see the read-only disk")
    folder = tmp_path / "folder"
    if what == "a file":
        folder.write_text("")
    elif what != "missing":
        folder.mkdir()
    if what == "a folder of that name":
        (folder / "x.prom").mkdir()
    if what == "not writable":
        folder.chmod(0o555)
    failed = threading.Event()
    outbox = Outbox(sink_of(textfile=str(folder / "x.prom")), failed.set, lossless=True)
    outbox.start()
    for _ in range(5):
        outbox.offer(report(LEVEL))
        clock[0] += REFRESH_S
    outbox.finish()
    outbox.join(5)
    assert outbox.failure is None
    assert not failed.is_set()
    assert len([text for text in warnings_of(caplog) if "metrics are not written" in text]) == 1


# The page.


def table():
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for figure in FIGURES:
        labels = ", ".join(f"`{label}`" for label in figure.labels)
        rows.append(f"| `{figure.name}` | {figure.kind} | {labels} | {figure.meaning} |")
    return "\n".join(rows)


def test_the_page_shows_the_figures():
    assert table() in PAGE.read_text(encoding="utf-8"), f"docs/metrics.md should show\n\n{table()}"


def test_the_page_names_only_figures_that_exist():
    names = set(re.findall(r"\bser_monitor_[a-z0-9_]+", PAGE.read_text(encoding="utf-8")))
    assert names == {figure.name for figure in FIGURES}


def test_the_settings_on_the_page_are_accepted(tmp_path):
    block = re.search(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "config.toml").write_text(block[1])
    settings = load_settings(tmp_path / "config.toml", {}).metrics
    assert settings.textfile.endswith(".prom")
    assert f'"{settings.listen}"' in PAGE.read_text(encoding="utf-8").split("```yaml")[1]
