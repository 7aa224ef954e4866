"""What the operating system is asked for, where it does not answer as usual."""

import platform
import subprocess
import sys
import uuid

import pytest

from monitor import host

SUBNORMAL = 5e-324
FLUSHING = {"x86_64": (28, 0x8040), "aarch64": (0, 1 << 24)}
"""Where glibc's fenv_t holds what flushes subnormal numbers to zero: the byte, and bits of the word there."""

ID = "3d1219c7c4c5404aaa1f6d2a48adfda4"
ADDRESS = 0x02_42_AC_11_00_02
RANDOM = ADDRESS | 1 << 40
"""What `uuid.getnode` makes up where there is no network interface."""


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Sets what the files and the network interface say."""

    def set_up(*texts, address=ADDRESS):
        files = tuple(tmp_path / str(number) for number in range(len(texts)))
        for file, text in zip(files, texts, strict=True):
            if text is not None:
                file.write_bytes(text)
        monkeypatch.setattr(host, "_MACHINE_ID_FILES", files)
        monkeypatch.setattr(uuid, "getnode", lambda: address)

    return set_up


@pytest.mark.parametrize(
    "texts",
    [
        (f"{ID}\n".encode(), b""),
        (None, f"{ID}\n".encode()),
        (b"uninitialized\n", ID.encode()),
        (b"", ID.encode()),
        (b"\xff\xfe", ID.encode()),
    ],
)
def test_the_machine_id_is_that_of_the_first_file_with_one(machine, texts):
    machine(*texts)
    assert host.machine_id() == ID


@pytest.mark.parametrize("texts", [(), (None, None), (b"uninitialized\n",), (b"../../etc/passwd\n",)])
def test_without_one_it_is_the_hardware_address(machine, texts):
    machine(*texts)
    assert host.machine_id() == "0242ac110002"


def test_without_either_it_is_the_host_name(machine):
    machine(address=RANDOM)
    assert host.machine_id() == host.host_name() != ""


def test_it_stays_the_same():
    assert host.machine_id() == host.machine_id()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked on Linux only")
@pytest.mark.parametrize(("files", "wanted"), [(None, None), ((), False), (("synchronized",), True)])
def test_where_the_kernel_may_not_be_asked_timesyncd_tells(monkeypatch, tmp_path, files, wanted):
    """The hardened service may not call adjtimex."""

    class Forbidden:
        def adjtimex(self, _buffer):
            return -1

    monkeypatch.setattr(host.ctypes, "CDLL", lambda _name: Forbidden())
    monkeypatch.setattr(host, "_TIMESYNC", tmp_path / "timesync")
    if files is not None:
        (tmp_path / "timesync").mkdir()
    for name in files or ():
        (tmp_path / "timesync" / name).touch()
    assert host.clock_synced() is wanted


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have other limits")
def test_limits_that_are_tight_are_named():
    program = """
import resource
from monitor.host import tight_limits
resource.setrlimit(resource.RLIMIT_NOFILE, (1000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
print(tight_limits())
resource.setrlimit(resource.RLIMIT_NOFILE, (10, 1000))
print(tight_limits())
resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, 2_000_000_000))
print(tight_limits())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    files, addresses = "it may open 10 files (LimitNOFILE)", "it may use 2000 MB of addresses (LimitAS)"
    assert done.stdout.splitlines() == ["", files, f"{addresses} and {files}"]


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in FLUSHING, reason="not known how to flush here")
def test_what_a_library_does_to_floating_point_is_taken_back():
    """In a process of its own, whose arithmetic is spoilt if it fails."""
    at, bits = FLUSHING[platform.machine()]
    script = f"""
import ctypes
from monitor import host
def flush():
    libm, state = ctypes.CDLL("libm.so.6"), ctypes.create_string_buffer(256)
    libm.fegetenv(state)
    word = int.from_bytes(state.raw[{at}:{at + 4}], "little") | {bits}
    state[{at}:{at + 4}] = word.to_bytes(4, "little")
    libm.fesetenv(state)
def holds():
    return {SUBNORMAL!r} * float("1.0") > 0.0
with host.floating_point_as_it_was():
    flush()
    inside = holds()
print(inside, holds())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
