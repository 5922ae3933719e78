"""The broker's files: what is written, for whom, and when the broker is told."""

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

from sapar.core.errors import BadInput
from sapar.core.settings import Settings
from sapar.fleet.broker import (
    BrokerFiles,
    Credential,
    ensure_internal_password,
    reload_broker,
    render_access,
    render_config,
    shared_group,
    write_config,
    write_devices,
)
from sapar.fleet.credentials import hash_password, password_matches
from tests.fleet.product_broker import owner_of, run_tool

A = ("aktobe", "bus-a")


def test_files_are_for_the_broker_alone(mosquitto):
    files = BrokerFiles.of(mosquitto.settings)
    for path in (
        files.config,
        files.device_passwords,
        files.device_access,
        files.internal_passwords,
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert owner_of(path) == owner_of(files.directory)
    assert stat.S_IMODE(files.internal_secret.stat().st_mode) == 0o600
    assert ensure_internal_password(mosquitto.settings) == files.internal_secret.read_text()
    for path in files.directory.iterdir():
        if path != files.internal_secret:
            assert ensure_internal_password(mosquitto.settings).encode() not in path.read_bytes()


def test_unchanged_devices_are_not_written_again(mosquitto):
    credentials = [Credential(*A, hash_password("x" * 12))]
    assert write_devices(mosquitto.settings, credentials)
    assert not write_devices(mosquitto.settings, credentials)
    assert write_devices(mosquitto.settings, [])


def test_reload_signals_nobody_but_a_running_broker(tmp_path):
    settings = Settings(broker_dir=tmp_path)
    pid = BrokerFiles.of(settings).pid
    assert reload_broker(settings) == "absent"
    pid.write_text(f"{os.getpid()}\n")
    assert reload_broker(settings) == "absent"
    pid.write_text("999999999\n")
    assert reload_broker(settings) == "absent"
    pid.write_text("mosquitto\n")
    with pytest.raises(BadInput):
        reload_broker(settings)


def test_a_broker_that_is_still_starting_is_not_killed_by_the_signal(tmp_path):
    settings = Settings(broker_dir=tmp_path)
    program = shutil.copy(shutil.which("sleep") or "", tmp_path / "mosquitto")
    with subprocess.Popen([program, "30"]) as process:
        try:
            name = Path(f"/proc/{process.pid}/comm")
            while name.read_text() != "mosquitto\n":
                time.sleep(0.01)
            BrokerFiles.of(settings).pid.write_text(f"{process.pid}\n")
            assert reload_broker(settings) == "starting"
            time.sleep(0.2)
            assert process.poll() is None
        finally:
            process.kill()
    assert reload_broker(settings) == "absent"


def test_access_rules_of_a_device_are_exactly_these():
    assert render_access([Credential("almaty", "bus_7", "")]) == (
        "user almaty.bus_7\n"
        "topic write sapar/v1/almaty/d/bus_7/gps\n"
        "topic write sapar/v1/almaty/d/bus_7/tap\n"
        "topic write sapar/v1/almaty/d/bus_7/event\n"
        "topic write sapar/v1/almaty/d/bus_7/shift\n"
        "topic write sapar/v1/almaty/d/bus_7/status\n"
        "topic read sapar/v1/almaty/d/bus_7/ack\n"
        "topic read sapar/v1/almaty/d/bus_7/cmd\n"
        "topic read sapar/v1/almaty/d/bus_7/config\n"
        "topic read sapar/v1/almaty/all/denylist\n"
        "topic read sapar/v1/almaty/all/denylist-delta\n"
        "topic read sapar/v1/almaty/all/tariff\n\n"
    )


def test_configuration_follows_the_settings(tmp_path):
    settings = Settings(
        broker_dir=tmp_path,
        broker_queue_bytes_max=5_400_000,
        ingest_receive_max=123,
        ingest_session_expiry_s=30 * 86400,
        broker_log_denials=False,
        broker_host="10.0.0.5",
        device_broker_host="mqtt.example.org",
        broker_autosave_interval_s=7,
    )
    lines = render_config(settings).splitlines()
    assert "max_queued_messages 10000" in lines
    assert "max_queued_bytes 5400000" in lines
    assert "max_inflight_messages 123" in lines
    assert "persistent_client_expiration 720h" in lines
    assert "autosave_interval 7" in lines
    assert "log_type debug" not in lines
    assert "listener 1883" in lines, "devices come from anywhere"
    assert "listener 1884" in lines
    assert "listener 1884 127.0.0.1" in render_config(Settings(broker_dir=tmp_path)).splitlines()


def test_a_given_internal_password_is_used_and_written_nowhere(tmp_path):
    settings = Settings(broker_dir=tmp_path / "b", broker_password="given-password")
    write_config(settings)
    files = BrokerFiles.of(settings)
    assert not files.internal_secret.exists()
    user, _, stored = files.internal_passwords.read_text().strip().partition(":")
    assert user == "sapar"
    assert password_matches("given-password", stored)
    assert shared_group(settings) != shared_group(
        Settings(broker_dir=tmp_path / "b", broker_password="x")
    )


def test_password_hashes_are_in_the_brokers_own_format(tmp_path):
    made_by_broker = tmp_path / "passwords"
    made_by_broker.touch(mode=0o600)
    said = run_tool(["mosquitto_passwd", "-b", str(made_by_broker), "bus", "secret-of-bus"])
    assert said.returncode == 0, said.stderr
    stored = made_by_broker.read_text().strip().partition(":")[2]
    assert password_matches("secret-of-bus", stored)
    assert not password_matches("secret-of-bux", stored)
    ours = hash_password("secret-of-bus", bytes(range(12)))
    assert ours.startswith("$7$101$AAECAwQFBgcICQoL$")
    assert len(ours) == len(stored)
    for damaged in ("", "$7$101$$", "$6$AAAA$AAAA", "secret-of-bus", "$7$x$AAAA$AAAA"):
        assert not password_matches("secret-of-bus", damaged)
