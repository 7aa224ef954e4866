"""Brokers to test against; all of them are real, and on ports of their own."""

from __future__ import annotations

import pytest
from live.conftest import frail_pulse, pulse  # noqa: F401 - fixtures: what is heard goes to the broker
from mqtt.broker import Broker, Login, require_mosquitto
from mqtt.certificates import Authority

MONITOR = Login("monitor", "correct horse battery staple")
"""May do everything."""
READER = Login("reader", "read only", acl=("topic read #",))
"""May not publish."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The CA that the TLS brokers' certificates come from."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def make_broker(tmp_path_factory):
    """Makes and starts a `Broker` with the options given; all end with the test."""
    require_mosquitto()
    brokers = []

    def make(*, start=True, **options):
        broker = Broker(tmp_path_factory.mktemp("broker"), **options)
        brokers.append(broker)
        if start:
            broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.close()


@pytest.fixture
def broker(make_broker):
    """Lets everybody in, plain."""
    return make_broker()


@pytest.fixture
def secured_broker(make_broker):
    """Wants a password, plain: the logins MONITOR and READER."""
    return make_broker(logins=(MONITOR, READER))


@pytest.fixture
def tls_broker(make_broker, authority):
    """Speaks TLS only, with a certificate for localhost by `authority`; lets everybody in."""
    return make_broker(certificate=authority.issue("server"))


@pytest.fixture
def expired_broker(make_broker, authority):
    """As `tls_broker`, with a certificate that has expired."""
    return make_broker(certificate=authority.issue("expired", expired=True))


@pytest.fixture
def misnamed_broker(make_broker, authority):
    """As `tls_broker`, with a certificate for another host."""
    return make_broker(certificate=authority.issue("misnamed", hosts=("broker.example",)))


@pytest.fixture
def mutual_broker(make_broker, authority):
    """As `tls_broker`, and clients must show a certificate by `authority` too."""
    return make_broker(certificate=authority.issue("mutual"), client_ca=authority.ca_file)
