"""What the tests do to the service in the container, and what a subscriber of its broker hears."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nspawn import ROOT, wait_for

if TYPE_CHECKING:
    from nspawn import Machine

CONFIG = "/etc/ser-monitor/config.toml"
WITH_BROKER = 'node = "cabin"\n[mqtt]\nenabled = true\nkeepalive_s = 5\n'
_DROP_INS = "/etc/systemd/system/ser-monitor.service.d"
_WITNESS = "/run/witness.log"


class Service:
    """ser-monitor.service, or another unit of the same kind."""

    def __init__(self, machine: Machine, unit: str = "ser-monitor.service") -> None:
        self._machine = machine
        self.unit = unit

    def clear(self) -> None:
        """Stopped, without drop-ins, never failed, with a configuration that names the broker."""
        self.systemctl("stop", self.unit)
        self._machine.shell(
            f"rm -rf {_DROP_INS}; systemctl daemon-reload; systemctl reset-failed; journalctl -q --rotate"
        )
        self._machine.shell("journalctl -q --vacuum-time=1us")
        self.configure(WITH_BROKER)

    def systemctl(self, *words: str, check: bool = True) -> str:
        return self._machine.run("systemctl", "--no-pager", *words, check=check)

    def configure(self, text: str) -> None:
        self._machine.write(CONFIG, text)

    def drop_in(self, *names: str, **texts: str) -> None:
        """Add examples by name, and drop-ins of the test's own."""
        for name in names:
            texts[name] = (ROOT / "systemd/examples" / f"{name}.conf").read_text(encoding="utf-8")
        for name, text in texts.items():
            self._machine.write(f"{_DROP_INS}/{name}.conf", text)
        self.systemctl("daemon-reload")

    def start(self) -> None:
        self.systemctl("start", self.unit)

    def show(self, name: str) -> str:
        return self.systemctl("show", "--value", "-p", name, self.unit)

    @property
    def pid(self) -> str:
        return self.show("MainPID")

    def process(self, file: str) -> str:
        """A file of the main process' folder in /proc."""
        return self._machine.run("cat", f"/proc/{self.pid}/{file}")

    def journal(self) -> str:
        self._machine.run("journalctl", "--sync")
        return self._machine.run("journalctl", "-q", "-o", "cat", "-u", self.unit)

    def waits_for_journal(self, words: str) -> None:
        try:
            wait_for(lambda: words in self.journal(), repr(words))
        except AssertionError as error:
            raise AssertionError(f"{error} in the journal:\n{self.journal()}") from None

    def waits_for_status(self, words: str) -> None:
        wait_for(lambda: words in self.show("StatusText"), f"the status to say {words!r}")


class Broker:
    """The container's own broker, as a subscriber to everything."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._seen = 0
        form = ["-v", "-t", "ser-monitor/#", "-F", "%t %p"]
        own = ["--quiet", "--unit=witness", f"--property=StandardOutput=append:{_WITNESS}"]
        machine.run("systemd-run", *own, "mosquitto_sub", *form)
        wait_for(machine.path(_WITNESS).exists, "the subscriber")

    def forget(self) -> None:
        """Pass over what was heard so far."""
        self._seen = len(self._lines())

    def heard(self, topic: str) -> list[str]:
        """The payloads of a topic since `forget`."""
        lines = (line.partition(" ") for line in self._lines()[self._seen :])
        return [payload for name, _, payload in lines if name == f"ser-monitor/{topic}"]

    def waits_for(self, topic: str, payload: str | None = None, *, within_s: float = 20.0) -> str:
        """The newest payload of a topic, once there is one, or once it is `payload`."""

        def newest() -> str:
            heard = self.heard(topic)
            return heard[-1] if heard and payload in (None, heard[-1]) else ""

        return wait_for(newest, f"{payload or 'something'} on {topic}", within_s=within_s)

    def event(self, node: str = "cabin") -> dict[str, Any]:
        """The first event of a node, once there is one."""
        self.waits_for(f"{node}/event")
        return json.loads(self.heard(f"{node}/event")[0])

    def retained(self, topic: str) -> str:
        """What a new subscriber gets at once."""
        return self._machine.run("mosquitto_sub", "-t", f"ser-monitor/{topic}", "-W", "2", "-C", "1")

    def _lines(self) -> list[str]:
        return self._machine.path(_WITNESS).read_text(encoding="utf-8").splitlines()
