"""A program's system calls, by strace: which files it opened for writing or changed, and whom it spoke to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter

import pytest

_TRACED = "%file,%network,write,writev,pwrite64,sendfile,memfd_create"
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|\?)(?: (?P<error>E\w+))?")
_DESCRIPTOR = re.compile(r"\d+<((?:[^>]|->)*)>")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CHANGING = ("rename", "link", "unlink", "mkdir", "rmdir", "truncate", "chmod", "chown", "mknod", "utime", "setxattr")
_SENDING = ("write", "writev", "sendto", "sendmsg", "sendmmsg", "pwrite64", "sendfile")


def require_strace():
    """Skip where it is not installed, or nobody may trace here."""
    if shutil.which("strace") is None:
        pytest.skip("not installed: strace (Debian: strace)")
    done = subprocess.run(["strace", "-f", "true"], capture_output=True, check=False, timeout=30)
    if done.returncode:
        pytest.skip(f"nobody may trace here: {done.stderr.decode().strip()[:100]}")


def strace(path):
    """Words to put before a command: it stays the process that was started, and its calls are written to `path`."""
    # -D: the tracer is somebody else's child, so signals and the exit status are the program's own.
    return ["strace", "-D", "-f", "-yy", "-q", "--seccomp-bpf", "-s", "256", "-e", f"trace={_TRACED}", "-o", str(path)]


class SystemCalls:
    """What a trace tells."""

    def __init__(self, text):
        joined = _without_interruptions(text.splitlines())
        self._calls = [found.groupdict() for line in joined if (found := _CALL.match(line))]

    def __len__(self):
        return len(self._calls)

    @property
    def files_written(self):
        """Paths that were opened for writing, made, or changed; attempts that were refused too.

        Not those that are not there: PortAudio asks for a hundred devices of old sound systems.
        """
        found = set()
        for call in [call for call in self._calls if call["error"] != "ENOENT"]:
            opens = "open" in call["name"] and re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", call["arguments"])
            changes = call["name"] == "creat" or any(word in call["name"] for word in _CHANGING)
            looks = call["name"].startswith("readlink")
            if (opens or changes) and not looks and (paths := _QUOTED.findall(call["arguments"])):
                found.add(paths[-1] if "link" in call["name"] or "rename" in call["name"] else paths[0])
        return found

    @property
    def peers(self):
        """Whom a socket was connected or bound to: `PORT at ADDRESS`, or the path of a local socket.

        Not the own end of an outgoing connection, which is bound to no port in particular.
        """
        ends = [_peer(call["arguments"]) for call in self._calls if call["name"] in ("connect", "bind")]
        return {end for end in ends if not end.startswith("0 at ")}

    @property
    def bytes_written(self):
        """How many went to which descriptor, by its description: a path, or `TCP:[FROM->TO]`, `pipe:[NUMBER]`, …."""
        counts = Counter()
        for call in self._calls:
            if call["name"] in _SENDING and (found := _DESCRIPTOR.match(call["arguments"])):
                counts[found.group(1).partition("<")[0]] += max(int(call["result"].replace("?", "0")), 0)
        return counts


def _peer(arguments):
    if "AF_UNIX" in arguments:
        return (_QUOTED.findall(arguments) or ["unnamed"])[0]
    port = re.search(r"port=htons\((\d+)\)", arguments)
    address = re.search(r'inet_addr\("(.*?)"\)|inet_pton\(AF_INET6, "(.*?)"', arguments)
    if port and address:
        return f"{port.group(1)} at {address.group(1) or address.group(2)}"
    return (re.search(r"sa_family=(\w+)", arguments) or ["", "unknown"])[1]


def _without_interruptions(lines):
    """Calls that strace had to write in two parts, because another thread called in between, in one."""
    begun = {}
    for line in lines:
        process = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            begun[process] = line.removesuffix("<unfinished ...>")
        elif "resumed>" in line and process in begun:
            yield begun.pop(process) + line.split("resumed>", 1)[1]
        else:
            yield line


def quiet(environment):
    """The environment without Python's cache of the program, which it would write into a checkout."""
    return {**environment, "PYTHONDONTWRITEBYTECODE": "1", "HOME": environment.get("HOME", os.sep)}
