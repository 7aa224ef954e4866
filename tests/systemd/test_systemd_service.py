"""The installed service under a real systemd. The tests share one machine, and the last ones take it apart."""

from __future__ import annotations

import json
import re
import time

import pytest
from nspawn import ROOT, wait_for
from service import CONFIG, WITH_BROKER, Service

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(900)]

STOP_S = 5.0
MOST_EXPOSURE = 1.5
SECRET = "open sesame"  # noqa: S105 - of a broker that lives as long as the test
GUARDED = "listener 1884 localhost\nallow_anonymous false\npassword_file /run/guarded.passwords\nuser root\n"
PASSWORDS_SCRIPT = f"mosquitto_passwd -c -b /run/guarded.passwords cabin '{SECRET}'"
ENCRYPTED = """
listener 8883 localhost
allow_anonymous true
require_certificate true
cafile /etc/ser-monitor/ca.pem
certfile /run/tls/server.pem
keyfile /run/tls/server.key
user root
"""
CERTIFICATES_SCRIPT = """
mkdir -p /run/tls; cd /run/tls
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out /etc/ser-monitor/ca.pem
for name in server client; do
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -addext subjectAltName=DNS:localhost \\
        -keyout $name.key -out $name.csr
    openssl x509 -req -days 2 -in $name.csr -CA /etc/ser-monitor/ca.pem -CAkey ca.key -copy_extensions copy \\
        -out $name.pem
done
install -m 0600 client.pem client.key /etc/ser-monitor
"""
IMPATIENT = "[Service]\nWatchdogSec=3\nRestartSec=1\n"
SOUND_SERVER = (
    "pulseaudio -n --system --disallow-exit --daemonize=no --exit-idle-time=-1 --use-pid-file=no "
    '-L "module-native-protocol-unix auth-anonymous=1 socket=/run/pulse/native" '
    '-L "module-null-sink sink_name=mic rate=16000 channels=1"'
)
USERS_SOUND_SERVER = """
load-module module-native-protocol-unix
load-module module-null-sink sink_name=mic rate=16000 channels=1
set-default-source mic.monitor
"""


@pytest.fixture(scope="session")
def clip(machine):
    """The bundled clip in the container: as WAV, and as raw samples."""
    import soundfile

    samples, rate_hz = soundfile.read(ROOT / "monitor/demo/demo.flac", dtype="int16")
    assert rate_hz == 16000
    soundfile.write(machine.path("/srv/clip.wav"), samples, rate_hz)
    machine.path("/srv/clip.raw").write_bytes(samples.tobytes())


@pytest.fixture
def crashing_model(machine):
    """In the container: a file as good as the shipped one, but for a network that no interpreter survives."""
    from test_modeltrial import FARAWAY, with_network

    from monitor.card import read_model_file
    from monitor.model import shipped_model

    shipped = read_model_file(shipped_model())
    path = "/etc/ser-monitor/crashing.tflite"
    with_network(machine.path(path), FARAWAY + shipped.flatbuffer[4:], shipped)
    return path


class TestInstall:
    def test_it_starts_without_a_microphone_and_says_so(self, installation):
        service = Service(installation.machine)
        assert "The service runs" in installation.output
        assert service.show("ActiveState") == "active"
        assert service.show("UnitFileState") == "enabled"
        service.waits_for_status("no audio")
        assert 'Status: "no audio' in service.systemctl("status", service.unit)

    def test_the_configuration_is_the_sample(self, installation):
        assert installation.machine.run("stat", "-c", "%a %U", CONFIG) == "644 root"
        assert installation.machine.path(CONFIG).read_bytes() == (ROOT / "systemd/config.toml").read_bytes()

    def test_any_user_has_the_command(self, installation):
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        assert "ser-monitor 0." in installation.machine.run(*as_nobody, "ser-monitor", "--version")

    def test_nothing_names_the_folder_it_was_built_in(self, installation):
        assert (
            installation.machine.shell("ls -d /opt/*; grep -rIl /opt/ser-monitor.new /opt/*/bin || true")
            == "/opt/ser-monitor"
        )

    def test_it_is_hardened_on_the_machine_too(self, installation):
        text = installation.machine.run("systemd-analyze", "security", "--no-pager", "ser-monitor.service")
        exposure = re.search(r"Overall exposure level for ser-monitor.service: ([0-9.]+)", text)
        assert float(exposure[1]) <= MOST_EXPOSURE


class TestService:
    def test_it_is_confined(self, service):
        service.start()
        status = dict(line.split(":\t", 1) for line in service.process("status").splitlines() if ":\t" in line)
        assert "0" not in status["Uid"].split()
        assert "29" in status["Groups"].split(), "the group audio of Debian"
        assert status["CapEff"] == "0000000000000000"
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
        assert "Max core file size 0 0" in " ".join(service.process("limits").split())

    def test_events_of_a_recording_reach_the_broker(self, service, broker):
        service.drop_in("audio-from-file")
        service.start()
        event = broker.event()
        assert (event["type"], event["node"]) == ("new", "cabin")
        assert broker.heard("cabin/availability") == ["online"]
        service.waits_for_status("speech")

    def test_it_stops_at_once_and_says_offline(self, service, broker):
        service.drop_in("audio-from-file")
        service.start()
        open_event = broker.event()
        started_s = time.monotonic()
        service.systemctl("stop", service.unit)
        assert time.monotonic() - started_s < STOP_S
        assert (service.show("ActiveState"), service.show("Result")) == ("inactive", "success")
        last = json.loads(broker.heard("cabin/event")[-1])
        assert (last["id"], last["type"]) == (open_event["id"], "end")
        assert broker.retained("cabin/availability") == "offline"

    def test_a_pipe_of_the_group_audio_is_heard(self, service, broker, machine, clip):
        socket = "ser-monitor-fifo.socket"
        machine.write(f"/etc/systemd/system/{socket}", (ROOT / "systemd/examples" / socket).read_text(encoding="utf-8"))
        service.drop_in("audio-from-fifo")
        service.systemctl("start", socket)
        try:
            service.start()
            assert machine.run("stat", "-c", "%a %U %G", "/run/ser-monitor.fifo") == "660 root audio"
            machine.shell("timeout 20 cat /srv/clip.raw > /run/ser-monitor.fifo")
            assert broker.event()["type"] == "new"
            assert service.show("ActiveState") == "active"
        finally:
            service.systemctl("stop", socket, service.unit)
            machine.run("rm", f"/etc/systemd/system/{socket}")

    def test_a_microphone_is_heard_without_writable_code(self, service, broker, machine, clip):
        machine.shell(f"systemd-run --quiet --unit=sound-server {SOUND_SERVER}")
        service.drop_in("sound-server")
        try:
            wait_for(machine.path("/run/pulse/native").exists, "the sound server")
            service.start()
            service.waits_for_status("listening 'default'")
            machine.run("timeout", "6", "paplay", "--device=mic", "/srv/clip.wav", check=False)
            assert broker.event()["latency_s"] is not None
        finally:
            service.systemctl("stop", "sound-server.service")

    def test_a_stopped_monitor_is_replaced_by_the_watchdog(self, service, broker):
        service.drop_in(impatient=IMPATIENT)
        service.start()
        broker.waits_for("cabin/availability", "online")
        service.systemctl("kill", "--signal=STOP", service.unit)
        wait_for(lambda: service.show("NRestarts") == "1", "the restart")
        assert "Watchdog timeout" in service.journal()
        broker.waits_for("cabin/availability", "online")
        assert broker.heard("cabin/availability") == ["online", "offline", "online"]

    def test_pings_keep_the_watchdog_quiet(self, service):
        service.drop_in(impatient=IMPATIENT)
        service.start()
        pid = service.pid
        time.sleep(7.0)
        assert (service.pid, service.show("NRestarts")) == (pid, "0")

    def test_a_killed_monitor_is_offline_and_comes_back(self, service, broker):
        service.drop_in(impatient=IMPATIENT)
        service.start()
        broker.waits_for("cabin/availability", "online")
        service.systemctl("kill", "--signal=KILL", service.unit)
        broker.waits_for("cabin/availability", "offline", within_s=3.0)
        broker.waits_for("cabin/availability", "online")

    def test_it_never_gives_up(self, service):
        service.drop_in(broken="[Service]\nExecStart=\nExecStart=/bin/false\nRestartSec=100ms\n")
        service.systemctl("start", service.unit, check=False)
        wait_for(lambda: int(service.show("NRestarts")) > 6, "more restarts than systemd allows by itself")


class TestConfiguration:
    def test_a_reload_takes_what_is_new(self, service, broker):
        service.start()
        pid = service.pid
        broker.waits_for("cabin/availability", "online")
        service.configure(WITH_BROKER.replace("cabin", "attic"))
        service.systemctl("reload", service.unit)
        broker.waits_for("attic/availability", "online")
        assert "configuration read again" in service.journal()
        assert (service.pid, service.show("ActiveState")) == (pid, "active")

    def test_a_reload_refuses_what_is_bad(self, service, broker):
        service.start()
        pid = service.pid
        broker.waits_for("cabin/availability", "online")
        service.configure("nodes = 1\n" + WITH_BROKER)
        service.systemctl("reload", service.unit)
        service.waits_for_journal("the configuration stays as it was")
        assert (service.pid, service.show("ActiveState")) == (pid, "active")
        assert broker.heard("cabin/availability") == ["online"]

    def test_a_model_of_ones_own_is_tried_under_the_same_prohibitions(self, service, machine, crashing_model):
        def name_model(path):
            service.configure(f'{WITH_BROKER}[model]\npath = "{path}"\n')
            service.systemctl("reload", service.unit)

        service.start()
        pid = service.pid
        machine.path("/etc/ser-monitor/own.tflite").write_bytes((ROOT / "models/emotion.tflite").read_bytes())
        name_model("/etc/ser-monitor/own.tflite")
        service.waits_for_journal("configuration read again")
        name_model(crashing_model)
        service.waits_for_journal("the configuration stays as it was")
        assert any(reason in service.journal() for reason in ("crashes the interpreter", "refuses the network"))
        assert (service.pid, service.show("ActiveState")) == (pid, "active")

    def test_a_bad_one_is_not_tried_again(self, service):
        service.drop_in(impatient=IMPATIENT)
        service.configure("nodes = 1\n")
        service.systemctl("start", service.unit, check=False)
        time.sleep(2.0)
        assert (service.show("ActiveState"), service.show("ExecMainStatus")) == ("failed", "78")
        assert service.show("NRestarts") == "0"

    def test_priority_is_raised_by_a_drop_in(self, service):
        service.drop_in("priority")
        service.start()
        # proc(5): the niceness is field 19, the 17th after the name.
        assert service.process("stat").rpartition(")")[2].split()[16] == "-10"

    def test_none_at_all_is_said(self, service, machine):
        machine.run("rm", CONFIG)
        said = service.systemctl("start", service.unit, check=False)
        assert "Assertion failed" in said

    def test_the_password_comes_as_a_credential(self, service, machine, broker):
        guarded = run_broker(machine, "guarded", GUARDED, PASSWORDS_SCRIPT)
        machine.run("install", "-m", "0600", "/dev/stdin", "/etc/ser-monitor/mqtt-password", text=SECRET + "\n")
        service.configure(WITH_BROKER + 'port = 1884\nusername = "cabin"\n')
        try:
            service.start()
            guarded.waits_for_journal("as ser-monitor-cabin (p5, c1, k5, u'cabin')")
            assert SECRET not in service.process("environ") + service.process("cmdline") + service.journal()
            assert SECRET not in service.systemctl("show", service.unit)
        finally:
            machine.run("rm", "/etc/ser-monitor/mqtt-password")

    def test_the_password_may_be_encrypted(self, service, machine):
        guarded = run_broker(machine, "guarded", GUARDED, PASSWORDS_SCRIPT)
        machine.run(
            "systemd-creds", "encrypt", "--name=mqtt-password", "-", "/etc/ser-monitor/mqtt-password.cred", text=SECRET
        )
        service.drop_in("password-encrypted")
        service.configure(WITH_BROKER + 'port = 1884\nusername = "cabin"\n')
        service.start()
        guarded.waits_for_journal("as ser-monitor-cabin (p5, c1, k5, u'cabin')")

    def test_the_key_of_a_certificate_is_for_roots_eyes_alone(self, service, machine):
        encrypted = run_broker(machine, "encrypted", ENCRYPTED, CERTIFICATES_SCRIPT)
        service.drop_in("client-certificate")
        credentials = "/run/credentials/ser-monitor.service"
        client = f'cert_file = "{credentials}/mqtt-certificate"\nkey_file = "{credentials}/mqtt-key"\n'
        tls = f'[mqtt.tls]\nenabled = true\nca_file = "/etc/ser-monitor/ca.pem"\n{client}'
        service.configure(f"{WITH_BROKER}port = 8883\n{tls}")
        service.start()
        encrypted.waits_for_journal("as ser-monitor-cabin")

    def test_figures_go_into_the_one_file(self, service, machine):
        service.drop_in("metrics-textfile")
        service.configure('[metrics]\ntextfile = "/run/ser-monitor/ser-monitor.prom"\n')
        service.start()
        file = machine.path("/run/ser-monitor/ser-monitor.prom")
        wait_for(file.exists, "the figures")
        assert "ser_monitor" in file.read_text(encoding="utf-8")
        assert file.stat().st_mode & 0o777 == 0o644, "node_exporter reads it"

    def test_check_looks_as_the_service_would(self, service, machine, broker):
        said = machine.run("ser-monitor", "check", "--as-service", "--config", CONFIG, check=False)
        assert re.search("^ok +connect ", said, re.MULTILINE), said


class TestTemplate:
    def test_each_instance_has_its_name_and_its_file(self, service, machine, broker):
        machine.write("/etc/ser-monitor/kitchen.toml", WITH_BROKER)
        kitchen = Service(machine, "ser-monitor@kitchen.service")
        kitchen.start()
        service.start()
        try:
            for node in ("kitchen", "cabin"):
                broker.waits_for(f"{node}/availability", "online")
        finally:
            kitchen.systemctl("stop", kitchen.unit)
        assert broker.retained("kitchen/availability") == "offline"
        assert broker.retained("cabin/availability") == "online"


class TestUpgrade:
    def test_it_keeps_the_configuration_and_runs_the_new_program(self, service, installation):
        service.start()
        pid = service.pid
        said = installation.make("install")
        assert f"{CONFIG} stays as it is." in said
        assert installation.machine.path(CONFIG).read_text(encoding="utf-8") == WITH_BROKER
        assert service.show("ActiveState") == "active"
        assert service.pid != pid

    def test_what_cannot_be_installed_leaves_the_old_running(self, service, installation):
        service.start()
        pid = service.pid
        said = installation.make("install", check=False, PIP_FIND_LINKS="/nowhere")
        assert "nothing was changed" in said
        assert (service.pid, service.show("ActiveState")) == (pid, "active")
        assert installation.machine.shell("ls -d /opt/*") == "/opt/ser-monitor"
        assert "ser-monitor 0." in installation.machine.run("ser-monitor", "--version")

    def test_a_configuration_that_it_refuses_leaves_the_old_running(self, service, installation):
        service.start()
        pid = service.pid
        service.configure("nodes = 1\n")
        said = installation.make("install", check=False)
        assert "unknown key 'nodes'" in said
        assert "nothing was changed" in said
        assert (service.pid, service.show("ActiveState")) == (pid, "active")

    def test_a_disabled_service_stays_down(self, service, installation):
        service.systemctl("disable", service.unit)
        assert "The service does not run" in installation.make("install")
        assert (service.show("ActiveState"), service.show("UnitFileState")) == ("inactive", "disabled")
        service.systemctl("enable", service.unit)


class TestElsewhere:
    def test_a_users_session_has_a_service_of_its_own(self, installation, clip):
        machine = installation.machine
        machine.run("useradd", "--create-home", "anna")
        machine.write("/home/anna/.config/pulse/default.pa", USERS_SOUND_SERVER)
        machine.shell("chown -R anna: /home/anna; loginctl enable-linger anna")
        runtime = f"/run/user/{machine.run('id', '-u', 'anna')}"
        wait_for(machine.path(f"{runtime}/bus").exists, "the user's systemd")

        def as_anna(script: str) -> str:
            variables = f"export XDG_RUNTIME_DIR={runtime} PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels"
            return machine.run("su", "-", "anna", "-c", f"{variables}; {script}")

        as_anna("make -C /src install-user")
        show = "systemctl --user show --value ser-monitor -p"
        wait_for(lambda: "listening" in as_anna(f"{show} StatusText"), "the user's service")
        as_anna("timeout 6 paplay --device=mic /srv/clip.wav || true")
        wait_for(lambda: '"type":"new"' in as_anna("journalctl --user -u ser-monitor -o cat"), "an event")
        as_anna("make -C /src uninstall-user PURGE=1")
        assert as_anna("find . -name '*ser-monitor*'") == ""

    def test_a_package_is_laid_below_destdir(self, installation):
        installation.make("install", "DESTDIR=/srv/package")
        machine = installation.machine
        assert machine.shell("cd /srv/package; grep -rIl /srv/package opt/ser-monitor/bin usr etc || true") == ""
        assert machine.run("readlink", "/srv/package/usr/local/bin/ser-monitor") == "/opt/ser-monitor/bin/ser-monitor"
        installation.make("uninstall", "DESTDIR=/srv/package", "PURGE=1")
        assert machine.shell("find /srv/package ! -type d") == ""


class TestUninstall:
    def test_it_leaves_the_configuration_and_nothing_else(self, installation):
        service = Service(installation.machine)
        service.clear()
        service.start()
        installation.machine.write("/etc/ser-monitor/kitchen.toml", WITH_BROKER)
        service.systemctl("enable", "--now", "ser-monitor@kitchen.service")
        said = installation.make("uninstall")
        assert "/etc/ser-monitor and drop-ins of the units stay" in said
        assert left_of_it(installation.machine) == ["/etc/ser-monitor"]
        assert service.systemctl("list-units", "--all", "--plain", "--no-legend", "ser-monitor*") == ""

    def test_the_configuration_goes_too_when_asked(self, installation):
        installation.machine.run("mkdir", "-p", "/etc/systemd/system/ser-monitor@kitchen.service.d")
        installation.make("uninstall", "PURGE=1")
        assert left_of_it(installation.machine) == []


def run_broker(machine, name: str, configuration: str, preparation: str) -> Service:
    """Another broker, prepared for by a shell script; only for this test's monitors."""
    broker = Service(machine, f"{name}.service")
    if broker.show("ActiveState") == "active":
        broker.systemctl("stop", broker.unit)
    machine.shell(preparation)
    machine.write(f"/run/{name}.conf", configuration)
    machine.run("systemd-run", "--quiet", f"--unit={name}", "mosquitto", "-c", f"/run/{name}.conf")
    broker.waits_for_journal("running")
    return broker


def left_of_it(machine) -> list[str]:
    """What is called after the program, aside from its checkout and what systemd keeps for a moment."""
    return machine.shell(r"find / -xdev \( -path /tmp -o -path /src \) -prune -o -name '*ser-monitor*' -print").split()
