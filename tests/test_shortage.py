"""What is said where the system gives too little: in test_poor_surroundings.py what is usual, here what is rare."""

import threading

import pytest

from monitor import shortage
from monitor.cli import _explain
from monitor.config import AudioSettings, MqttSettings
from monitor.errors import ShortageError
from monitor.host import can_reserve
from monitor.mqtt.connection import Connection
from monitor.mqtt.outgoing import Outgoing
from monitor.shortage import demand, shortage_of
from monitor.sources.capture import left_behind
from monitor.sources.microphone import Microphone

_REFUSAL = "can't start new thread"
_MORE_THAN_THERE_IS = 1 << 60


@pytest.fixture
def no_threads(monkeypatch):
    """As Python does where the system gives none."""

    def refuse(_thread):
        raise RuntimeError(_REFUSAL)

    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_what_is_asked_for_is_not_kept():
    for _ in range(1000):
        demand(shortage.HEARING_BYTES)


def test_more_than_there_is_is_refused():
    assert not can_reserve(_MORE_THAN_THERE_IS)
    with pytest.raises(ShortageError, match=r"^not enough memory \(wanted \d+ MB more\); "):
        demand(_MORE_THAN_THERE_IS)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory; "),
        (MemoryError("std::bad_alloc"), "not enough memory (std::bad_alloc); "),
        (RuntimeError(_REFUSAL), "no further thread can be started; "),
    ],
)
def test_an_error_that_tells_of_a_shortage_is_put_into_words(error, said):
    text, code = _explain(error)
    assert text.startswith(said)
    assert code == 70


def test_a_library_that_finds_no_room_is_not_a_package_that_is_missing(monkeypatch):
    refused = ImportError("libblas.so: failed to map segment from shared object", name="_ufuncs")
    # With room enough it is a damaged installation, as a file system that forbids to run what is on it.
    assert shortage_of(refused) is None
    monkeypatch.setattr(shortage, "can_reserve", lambda _n_bytes: False)
    text, code = _explain(refused)
    assert "a library cannot be loaded" in text
    assert code == 70


def test_other_errors_are_what_they_are():
    assert shortage_of(ImportError("No module named 'x'", name="x")) is None
    assert shortage_of(RuntimeError("something else")) is None


@pytest.mark.usefixtures("no_threads")
def test_a_microphone_without_a_thread_says_what_is_missing():
    """The thread that was not started is not waited for: that would be another error, which hides the first."""
    with pytest.raises(RuntimeError, match=_REFUSAL):
        next(Microphone(AudioSettings(command="cat /dev/zero"), 16_000).blocks())
    assert left_behind() == 0


@pytest.mark.usefixtures("no_threads")
def test_a_connection_without_a_thread_can_be_stopped():
    connection = Connection(MqttSettings(), None, Outgoing(10))
    with pytest.raises(RuntimeError, match=_REFUSAL):
        connection.start()
    assert connection.stop(1.0)
