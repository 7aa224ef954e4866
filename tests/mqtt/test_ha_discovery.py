"""`ser-monitor ha-discovery --remove`, against a real broker."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import pytest
from mqtt.broker import Login
from mqtt.conftest import MONITOR, READER
from ports import free_port

from monitor.commands import ha_discovery as verb
from monitor.errors import BrokerError
from monitor.host import machine_id
from monitor.mqtt import visitor
from monitor.sinks.homeassistant import device_uid, discovery_topic


def remove(broker, *flags, **changes):
    changes = {"enabled": "false", **changes}
    return ha_discovery("--remove", *flags, environment=broker.environment(**changes) | {"SER_MONITOR__NODE": "hall"})


def ha_discovery(*flags, environment=None):
    command = [sys.executable, "-m", "monitor.cli", "ha-discovery", *flags]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def topic_of(node="hall", prefix="homeassistant"):
    return discovery_topic(prefix, device_uid(machine_id(), node))


def login(person, folder):
    password_file = folder / "password"
    password_file.write_text(person.password)
    return {"username": person.username, "password_file": password_file}


def test_it_clears_this_node_and_no_other(broker):
    for node in ("hall", "kitchen"):
        broker.publish(topic_of(node), {"device": node}, retain=True)
    witness = broker.watch()
    witness.wait_for(topic_of("hall"))
    done = remove(broker)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"removed {topic_of('hall')} from ")
    assert "forgets node 'hall'" in done.stdout
    cleared = witness.wait_for(topic_of("hall"), lambda seen: seen.payload == b"")
    assert (cleared.qos, cleared.retain) == (1, True)
    later = broker.watch()
    later.wait_for(topic_of("kitchen"))
    assert later.of(topic_of("hall")) == []


def test_it_follows_the_prefix_and_can_be_done_twice(broker):
    broker.publish(topic_of(prefix="ha"), {"device": "hall"}, retain=True)
    witness = broker.watch()
    done = [remove(broker, homeassistant__prefix="ha") for _ in range(2)]
    assert [one.returncode for one in done] == [0, 0]
    assert done[0].stdout.startswith("removed ha/device/")
    assert done[1].stdout.startswith("nothing was announced for node 'hall': ")
    assert f"nothing retained on {topic_of(prefix='ha')}" in done[1].stdout
    witness.wait_for(topic_of(prefix="ha"), lambda seen: seen.payload == b"", count=2)


def test_what_this_user_may_not_read_is_cleared_too(make_broker, tmp_path):
    user = Login("writer", "p", acl=("topic write homeassistant/device/+/config",))
    broker = make_broker(logins=(user,))
    broker.publish(topic_of(), {"device": "hall"}, retain=True)
    done = remove(broker, **login(user, tmp_path))
    assert done.returncode == 0
    assert "shows this user nothing" in done.stdout
    assert broker.watch().messages == []


def test_it_leaves_a_running_monitor_connected(broker):
    remove(broker, client_id="mine")
    assert "as mine-ha-discovery" in broker.log()


def test_it_says_that_a_running_monitor_announces_itself_again(broker):
    assert "announces it again" in remove(broker, enabled="true").stdout
    assert "announces it again" not in remove(broker, enabled="true", homeassistant__enabled="false").stdout
    assert "announces it again" not in remove(broker).stdout


def test_it_logs_in(secured_broker, tmp_path):
    assert remove(secured_broker, **login(MONITOR, tmp_path)).returncode == 0


def test_it_speaks_tls(tls_broker, authority):
    assert remove(tls_broker, tls__enabled="true", tls__ca_file=authority.ca_file).returncode == 0


def refused(done, *words, code=69):
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("ser-monitor: error: ")
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


def test_no_broker(broker):
    refused(remove(broker, port=free_port()), "nothing listens")


def test_a_wrong_password(secured_broker, tmp_path):
    (tmp_path / "wrong").write_text("wrong")
    refused(remove(secured_broker, username=MONITOR.username, password_file=tmp_path / "wrong"), "[mqtt] username")


def test_a_user_who_may_not_publish(secured_broker, tmp_path):
    refused(
        remove(secured_broker, **login(READER, tmp_path)), "the removal is not accepted", "write homeassistant/device/#"
    )


def test_an_untrusted_certificate(tls_broker):
    refused(remove(tls_broker, tls__enabled="true"), "not trusted")


def test_a_missing_password_file(broker, tmp_path):
    refused(remove(broker, username="a", password_file=tmp_path / "none"), "password_file", code=78)


def test_a_broker_that_does_not_answer(broker, monkeypatch):
    monkeypatch.setattr(visitor, "_ANSWER_S", 0.2)
    monkeypatch.setattr("os.environ", broker.environment())
    broker.suspend()
    with pytest.raises(BrokerError, match="does not answer"):
        verb.run(argparse.Namespace(remove=True))
    broker.resume()


@pytest.mark.parametrize("flags", [(), ("--print", "--remove")])
def test_it_is_one_or_the_other(flags):
    assert ha_discovery(*flags).returncode == 2


def test_print_needs_no_broker_and_names_no_machine():
    done = ha_discovery("--print")
    topic, _, message = done.stdout.partition("\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert topic.startswith("homeassistant/device/ser_monitor_")
    assert set(json.loads(message)) >= {"device", "origin", "components"}
    assert machine_id() not in done.stdout
