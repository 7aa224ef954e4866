"""Standard output: exact JSON lines for pipes, a picture that fits for terminals, and every way of failing."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from statuses import status_taken

from monitor.errors import MissingDependencyError, OutputFailedError
from monitor.records import (
    UNCERTAIN,
    EmotionEvent,
    Estimate,
    Gap,
    LevelMeasured,
    Report,
    SpeechEnded,
    SpeechStarted,
)
from monitor.sinks.lettering import LETTERING_ROWS, lettering
from monitor.sinks.panel import LivePanel, bar, colours, percent
from monitor.sinks.pretty import Pretty, terminal_console
from monitor.sinks.stdout import JsonLines, make_stdout_sink
from monitor.sources import MUTED_GAP

RATE_HZ = 16_000
FOUR = ("angry", "happy", "neutral", "sad")
FOURTEEN = tuple(f"{who}_{what}" for who in ("female", "male") for what in (*FOUR, "calm", "disgust", "fearful"))
LABEL_SETS = {
    "four": FOUR,
    "eight": (*FOUR, "calm", "disgust", "fearful", "surprised"),
    "fourteen": FOURTEEN,
    "foreign": ("冷静", "gleichgültigkeitsgefühl", "x"),
}
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def event(labels, event_type, best=0, emotion=None):
    scores = np.full(len(labels), 0.2 / max(len(labels) - 1, 1))
    scores[best] = 0.8
    return EmotionEvent(
        type=event_type,
        segment=1,
        emotion=emotion or labels[best],
        confidence=0.8,
        scores=dict(zip(labels, scores.tolist(), strict=True)),
        start_sample=16_000,
        end_sample=48_000,
        speech_samples=30_000,
        windows=3,
        level_dbfs=-24.6,
    )


def estimate(labels, best=0, label=None):
    smoothed = np.full(len(labels), 0.2 / max(len(labels) - 1, 1))
    smoothed[best] = 0.8
    return Estimate(0, 32_000, smoothed, smoothed, label or labels[best], 0.8)


def run(labels=FOUR):
    """One segment in short: every kind of report, events with a payload."""
    payload = {"schema": 1, "emotion": labels[0]}
    steps = [
        (0.12, LevelMeasured(1_920, float("-inf"), float("-inf")), None),
        (1.00, SpeechStarted(16_000), None),
        (1.12, LevelMeasured(17_920, -24.6, -12.1), None),
        (2.00, estimate(labels), None),
        (2.00, event(labels, "new"), payload),
        (2.50, estimate(labels, len(labels) - 1), None),
        (2.50, event(labels, "update", len(labels) - 1), payload),
        (3.00, event(labels, "end", 0, UNCERTAIN), payload),
        (3.00, SpeechEnded(48_000, 30_000), None),
        (3.10, Gap(50_000, 8_000, "overflow"), None),
    ]
    return [Report(happened, 47_063.0 + at_s, found) for at_s, happened, found in steps]


class Terminal:
    """A pseudo-terminal as a text stream, and everything that was written to it."""

    def __init__(self):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        self._chunks = []
        # The kernel holds a few kB only: somebody must read along.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        try:
            while chunk := os.read(self._master, 65_536):
                self._chunks.append(chunk)
        except OSError:  # Linux says EIO when the last writer has gone
            return

    def written(self):
        self.stream.close()
        self._reader.join(5)
        os.close(self._master)
        return b"".join(self._chunks).decode()


def played(labels=FOUR, width=80, height=24, monkeypatch=None, output_format=None):
    """What a terminal is sent in the course of one run."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", str(height))
    terminal = Terminal()
    ticks = iter(range(1000))
    sink = make_stdout_sink(output_format, terminal.stream, labels, RATE_HZ)
    sink._monotonic = lambda: float(next(ticks))
    for report in run(labels):
        sink.write(report)
    sink.close()
    return terminal.written()


def printed(labels=FOUR, width=80, **settings):
    """What `Pretty` prints where there is no terminal."""
    stream = io.StringIO()
    sink = Pretty(Console(file=stream, width=width, highlight=False, **settings), labels, RATE_HZ)
    for report in run(labels):
        sink.write(report)
    sink.close()
    return stream.getvalue()


def drawn(panel, width=80, height=24):
    """The live area as lines of text."""
    console = Console(file=io.StringIO(), width=width, height=height, highlight=False)
    console.print(panel)
    return console.file.getvalue().splitlines()


def full_panel(labels):
    panel = LivePanel(labels)
    for report in run(labels)[:6]:
        panel.take(report)
    return panel


# ------------------------------------------------------------------------------------------------ JSON lines


def test_json_lines_are_the_payloads_and_nothing_else():
    stream = io.StringIO()
    sink = JsonLines(stream)
    for report in run():
        sink.write(report)
    sink.close()
    assert stream.getvalue() == '{"schema":1,"emotion":"angry"}\n' * 3


def test_every_line_is_out_before_the_next_report():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        JsonLines(stream).write(Report(event(FOUR, "new"), 0.0, {"a": 1}))
        assert os.read(reading, 100) == b'{"a":1}\n'
    os.close(reading)


def test_json_lines_are_utf_8_whatever_the_locale(tmp_path):
    with (tmp_path / "out").open("w", encoding="ascii") as stream:
        JsonLines(stream).write(Report(event(FOUR, "new"), 0.0, {"node": "Küche"}))
    assert (tmp_path / "out").read_bytes() == '{"node":"Küche"}\n'.encode()


def test_a_pipe_gets_json_lines_and_a_terminal_gets_the_picture(tmp_path):
    terminal = Terminal()
    assert isinstance(make_stdout_sink(None, terminal.stream, FOUR, RATE_HZ), Pretty)
    assert isinstance(make_stdout_sink("json", terminal.stream, FOUR, RATE_HZ), JsonLines)
    terminal.written()
    with (tmp_path / "out").open("w") as stream:
        assert isinstance(make_stdout_sink(None, stream, FOUR, RATE_HZ), JsonLines)
        assert isinstance(make_stdout_sink("pretty", stream, FOUR, RATE_HZ), Pretty)


def test_json_lines_never_import_rich():
    program = (
        "import io, sys\nfrom monitor.sinks.stdout import make_stdout_sink\n"
        "make_stdout_sink(None, io.StringIO(), ('a', 'b'), 16000)\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'rich']"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_rich_that_cannot_be_imported_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "monitor.sinks.pretty")
    monkeypatch.setitem(sys.modules, "rich.live", None)
    with pytest.raises(MissingDependencyError, match="'rich'"):
        make_stdout_sink("pretty", io.StringIO(), FOUR, RATE_HZ)


# ------------------------------------------------------------------------------------------------ failing


def writer(output_format, stream):
    sink = make_stdout_sink(output_format, stream, FOUR, RATE_HZ)
    return lambda: [sink.write(report) for report in run()]


@pytest.mark.parametrize("output_format", ["json", "pretty"])
def test_a_reader_that_has_gone_is_a_broken_pipe(output_format):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream, pytest.raises(BrokenPipeError):
        writer(output_format, stream)()


@pytest.mark.parametrize("output_format", ["json", "pretty"])
def test_a_full_disk_is_an_output_that_failed(output_format):
    with open("/dev/full", "w") as stream, pytest.raises(OutputFailedError, match="No space left"):  # noqa: PTH123
        writer(output_format, stream)()


@pytest.mark.parametrize("output_format", ["json", "pretty"])
def test_the_interpreter_exits_in_peace_after_a_failure(output_format):
    program = (
        "import sys\nfrom monitor.errors import OutputFailedError\nfrom monitor.records import EmotionEvent, Report\n"
        "from monitor.sinks.stdout import make_stdout_sink\n"
        f"sink = make_stdout_sink('{output_format}', sys.stdout, ('a', 'b'), 16000)\n"
        "try:\n    sink.write(Report(EmotionEvent('new', 1, 'a', 1.0, {'a': 1.0, 'b': 0.0}), 0.0, {'a': 1}))\n"
        "except OutputFailedError as error:\n    sys.exit(error.exit_code)\n"
    )
    with open("/dev/full", "w") as stream:  # noqa: PTH123
        done = subprocess.run([sys.executable, "-c", program], stdout=stream, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (74, b"")


def test_a_process_without_stdout_is_told_so():
    with pytest.raises(OutputFailedError, match="closed"):
        make_stdout_sink(None, None, FOUR, RATE_HZ)


# ------------------------------------------------------------------------------------------------ lines


def test_lines_without_a_terminal_are_plain_and_exact():
    lines = printed().splitlines()
    assert lines == [
        "13:04:25  ╭ angry     80 %  ━━━━━━━━━━━━━───    2.0 s   -24.6 dBFS",
        "13:04:25  ├ sad       80 %  ━━━━━━━━━━━━━───    2.0 s   -24.6 dBFS",
        "13:04:26  ╰ angry?    80 %  ━━━━━━━━━━━━━───    2.0 s   -24.6 dBFS",
        "13:04:26  ! 0.50 s of audio lost: overflow",
    ]


def test_muted_time_is_not_called_lost():
    stream = io.StringIO()
    sink = Pretty(Console(file=stream, width=80, highlight=False), FOUR, RATE_HZ)
    sink.write(Report(Gap(50_000, 160_000, MUTED_GAP), 47_066.1))
    sink.close()
    assert stream.getvalue() == "13:04:26  ! muted for 10.00 s\n"


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_lines_never_wrap(labels, width):
    lines = printed(labels, width).splitlines()
    assert len(lines) == 4
    assert all(cell_len(line) <= width for line in lines)


def test_a_stream_that_cannot_say_it_gets_question_marks():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    sink = Pretty(terminal_console(stream), FOUR, RATE_HZ)
    for report in run():
        sink.write(report)
    stream.flush()
    assert stream.buffer.getvalue().startswith(b"13:04:25  ? angry")


# ------------------------------------------------------------------------------------------------ live area


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("height", [10, 24, 50])
def test_the_live_area_fits(labels, width, height):
    for panel in (LivePanel(labels), full_panel(labels)):
        assert all(cell_len(line) <= width for line in drawn(panel, width, height))


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
def test_sixty_columns_show_every_label_and_its_score(labels):
    picture = "\n".join(drawn(full_panel(labels), 60))
    assert all(label[:6] in picture for label in labels)
    assert picture.count(" %") == len(labels) + 1
    assert len(picture.splitlines()) < 24


def test_the_live_area_says_what_is_heard():
    rule, meter, _, *word, _, angry, happy, _, sad = drawn(full_panel(FOUR))
    assert set(rule) == {"─"}
    assert re.fullmatch(r"  ● speech   ━+─+┃─+  -24\.6 dBFS  peak -12\.1", meter)
    assert [line.strip().removesuffix("  80 %").rstrip() for line in word] == [row.strip() for row in lettering("sad")]
    assert sad.startswith("  sad     ━━━━━━━━━━")
    assert sad.endswith(" 80 %")
    assert angry.endswith("  7 %")
    assert happy.endswith("  7 %")


def test_what_is_uncertain_is_named_with_a_question_mark():
    panel = full_panel(FOUR)
    panel.take(Report(estimate(FOUR, 1, UNCERTAIN), 2.6))
    _, _, _, *word, _, _, _, _, _ = drawn(panel)
    wanted = lettering(f"{FOUR[1]}?")
    assert [line.strip().removesuffix("  80 %").rstrip() for line in word] == [row.strip() for row in wanted]


def test_silence_shows_no_emotion():
    panel = full_panel(FOUR)
    panel.take(Report(SpeechEnded(48_000, 30_000), 3.0))
    lines = drawn(panel)
    assert "○ silence" in lines[1]
    assert "".join(lines).count("%") == 0
    assert [line.strip() for line in lines[3:6]] == [row.strip() for row in lettering("listening")]


def test_large_letters_do_not_say_that_it_listens_where_nothing_can_be_heard():
    panel = LivePanel(FOUR)
    for state, word in (("no_audio", "no audio"), ("muted", "muted"), ("speech", "listening")):
        panel.take(Report(status_taken(state), 1.0))
        assert [line.strip() for line in drawn(panel)[3:6]] == [row.strip() for row in lettering(word)]
    panel.take(Report(status_taken("no_audio"), 1.0))
    panel.take(Report(estimate(FOUR, 3), 2.0))
    assert [line.strip() for line in drawn(panel)[3:6]] != [row.strip() for row in lettering("no audio")]


@pytest.mark.parametrize("state", ["no_audio", "muted"])
def test_an_input_that_stalls_in_speech_leaves_no_emotion_standing(state):
    panel = full_panel(FOUR)
    assert "● speech" in drawn(panel)[1]
    panel.take(Report(status_taken(state), 3.0))
    lines = drawn(panel)
    assert "○ silence" in lines[1]
    assert "".join(lines).count("%") == 0


def test_a_status_is_drawn_at_once():
    """Nothing may come behind it for half a minute."""
    sink = Pretty(Console(file=io.StringIO()), FOUR, RATE_HZ, monotonic=lambda: 5.0)
    sink._live = CountingLive()
    sink.write(Report(LevelMeasured(0, -30.0, -20.0), 0.0))
    sink.write(Report(LevelMeasured(0, -30.0, -20.0), 0.1))
    assert sink._live.n_refreshes == 1
    sink.write(Report(status_taken("muted"), 0.2))
    assert sink._live.n_refreshes == 2


def test_digital_silence_is_no_error_and_no_zero_dbfs():
    panel = LivePanel(FOUR)
    panel.take(Report(LevelMeasured(1_920, float("-inf"), float("-inf")), 0.0))
    assert "-inf dBFS" in drawn(panel)[1]
    assert "━" not in drawn(panel)[1]


def test_the_peak_is_held_and_then_let_go():
    panel = LivePanel(FOUR)
    for at_s, peak_dbfs in ((0.0, -6.0), (1.0, -40.0), (2.0, -41.0)):
        panel.take(Report(LevelMeasured(0, -50.0, peak_dbfs), at_s))
        if at_s == 1.0:
            assert "peak  -6.0" in drawn(panel)[1]
    assert "peak -41.0" in drawn(panel)[1]


@pytest.mark.parametrize(("height", "n_lines"), [(24, 15), (17, 15), (16, 11), (13, 11), (12, 7), (8, 7)])
def test_a_low_terminal_gets_two_columns_and_then_smaller_letters(height, n_lines):
    lines = drawn(full_panel(LABEL_SETS["eight"]), height=height)
    assert len(lines) == n_lines
    assert any("S U R P R I S E D" in line for line in lines) == (n_lines == 7)


def test_a_terminal_gets_a_live_area_that_goes_away(monkeypatch):
    sent = played(monkeypatch=monkeypatch)
    assert "peak -12.1" in sent
    assert "▀" in sent
    assert "\x1b[?25l" in sent
    assert sent.rindex("\x1b[?25h") > sent.rindex("peak")
    assert sent.rindex("\x1b[2K") > sent.rindex("peak")
    assert "\x1b[38;5;" in sent


def test_no_line_that_a_terminal_gets_is_longer_than_it_is_wide(monkeypatch):
    for labels in LABEL_SETS.values():
        sent = CONTROL.sub("", played(labels, width=60, monkeypatch=monkeypatch))
        assert max(cell_len(line.rpartition("\r")[2]) for line in sent.replace("\r\n", "\n").split("\n")) <= 60


def test_no_color_is_obeyed(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    sent = played(monkeypatch=monkeypatch)
    assert "peak -12.1" in sent
    assert not re.search(r"\x1b\[[0-9;]*\b[349][0-9][;m]", sent)


def test_a_dumb_terminal_gets_lines_without_control_sequences(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    sent = played(monkeypatch=monkeypatch)
    assert "\x1b" not in sent
    assert len(sent.splitlines()) == 4


def test_json_on_a_terminal_is_still_json(monkeypatch):
    lines = played(monkeypatch=monkeypatch, output_format="json").splitlines()
    assert [json.loads(line)["schema"] for line in lines] == [1, 1, 1]


def test_forced_colour_draws_no_live_area_into_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        writer("pretty", stream)()
    text = (tmp_path / "out").read_text(encoding="utf-8")
    assert "\x1b[" in text
    assert "peak" not in text
    assert len(text.splitlines()) == 4


def test_a_recording_at_full_speed_is_drawn_ten_times_a_second():
    console = Console(file=io.StringIO())
    times_s = iter(np.arange(0, 10, 0.01))
    sink = Pretty(console, FOUR, RATE_HZ, monotonic=lambda: next(times_s))
    sink._live = CountingLive()
    for _ in range(500):
        sink.write(Report(LevelMeasured(0, -30.0, -20.0), 0.0))
    assert 40 <= sink._live.n_refreshes <= 51


class CountingLive:
    n_refreshes = 0

    def start(self):
        pass

    def refresh(self):
        self.n_refreshes += 1


# ------------------------------------------------------------------------------------------------ details


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "────"), (0.5, "━━──"), (0.374, "━╾──"), (1.0, "━━━━"), (7.0, "━━━━")]
)
def test_bars_are_exact_to_half_a_cell(share, text):
    assert bar(share, 4, "").plain == text


@pytest.mark.parametrize(("share", "text"), [(0.0, "  0 %"), (0.061, "  6 %"), (0.996, "100 %"), (1.0, "100 %")])
def test_percentages_line_up(share, text):
    assert percent(share) == text


def test_every_label_has_a_colour():
    for labels in LABEL_SETS.values():
        assert set(colours(labels)) == {*labels, UNCERTAIN}
    assert colours(FOURTEEN)["male_angry"] == colours(FOUR)["angry"]
    assert len(set(colours(("x", "y", "z")).values())) == 4


def test_large_letters_are_three_lines_of_one_length():
    for word in ("a", "listening", "female_happy", "abcdefghijklmnopqrstuvwxyz-", "sad?"):
        rows = lettering(word)
        assert len(rows) == LETTERING_ROWS
        assert len({len(row) for row in rows}) == 1
        assert all(row.strip() for row in rows)
    assert lettering("冷静") is None
    assert lettering("") is None


def test_large_letters_differ_from_each_other():
    letters = "abcdefghijklmnopqrstuvwxyz?"
    assert len({tuple(lettering(letter)) for letter in letters}) == len(letters)
