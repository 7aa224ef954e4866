"""One container for the whole run: `make test-systemd`, or `make test` in continuous integration."""

from __future__ import annotations

import os
from dataclasses import dataclass

import nspawn
import pytest
from service import Broker, Service

from benchmarks.checkout import copy_checkout

_PIP = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
CHECKOUT = "/src"


@dataclass(frozen=True)
class Installation:
    """A machine with the service, and what the installation said."""

    machine: nspawn.Machine
    output: str

    def make(self, *words: str, check: bool = True, **environment: str) -> str:
        """`make` in the checkout, as a person without a network but with the packages."""
        return self.machine.run(
            "make", "--no-print-directory", "-C", CHECKOUT, *words, check=check, **(_PIP | environment)
        )


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    if os.environ.get("SER_TEST_SYSTEMD") != "1" and os.environ.get("CI") != "true":
        pytest.skip("boots a container; to run it: sudo make test-systemd")
    if reason := nspawn.obstacle():
        pytest.skip(f"no container can be booted: {reason}")
    root = nspawn.root_folder()
    folder = tmp_path_factory.mktemp("systemd")
    checkout = copy_checkout(folder / "checkout")
    booted = nspawn.Machine(root, {CHECKOUT: checkout, "/wheels": nspawn.wheels(root)}, folder / "console.log")
    yield booted
    booted.stop()


@pytest.fixture(scope="session")
def installation(machine):
    """The service as `make install` leaves it on a machine that never had it."""
    installation = Installation(machine, "")
    return Installation(machine, installation.make("install"))


@pytest.fixture(scope="session")
def broker(machine):
    return Broker(machine)


@pytest.fixture
def service(installation, broker):
    """The service, stopped and as it was installed, but for a configuration that names the broker."""
    service = Service(installation.machine)
    service.clear()
    broker.forget()
    yield service
    service.clear()
