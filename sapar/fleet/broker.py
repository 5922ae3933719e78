"""The broker's configuration, passwords and access rules, rendered from settings and devices.

Mosquitto 2.0.11 and newer. Two listeners with rules of their own: devices connect to one, where the
client id is forced to be the user name (else a device that connects with a worker's client id would
end the worker's session), our own parts to the other. Access patterns know only user name and
client id, so the topics a device may use are written out per device.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from sapar.contract.topics import (
    AGENCY_KINDS,
    DOWN_KINDS,
    UP_KINDS,
    agency_topic,
    device_topic,
    username,
)
from sapar.core.errors import BadInput
from sapar.core.settings import Settings
from sapar.fleet.credentials import hash_password

QUEUED_MESSAGE_BYTES: Final = 540
"""Memory of one queued message of 160 bytes, measured."""

INTERNAL_MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
"""Largest packet of any client. The broker's limit holds for all listeners, and a tick with all
feed bodies of a big city has megabytes; a device's `message_bytes_max` is ingest's to refuse."""

_FILE_MODE = 0o640

Reload = Literal["reloaded", "starting", "absent"]
"""What came of asking the broker to read its files again."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A device that may connect, with its password's hash in the broker's format."""

    agency_id: str
    device_id: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Where the broker's files lie: all in `broker_dir`."""

    directory: Path

    @classmethod
    def of(cls, settings: Settings) -> BrokerFiles:
        """Name the files below `settings.broker_dir`, as absolute paths."""
        return cls(settings.broker_dir.resolve())

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.directory / "mosquitto.conf"

    @property
    def log(self) -> Path:
        """The broker's log."""
        return self.directory / "mosquitto.log"

    @property
    def pid(self) -> Path:
        """The broker's process id while it runs."""
        return self.directory / "mosquitto.pid"

    @property
    def device_passwords(self) -> Path:
        """Users and password hashes of devices."""
        return self.directory / "devices.passwd"

    @property
    def device_access(self) -> Path:
        """Topics of each device."""
        return self.directory / "devices.acl"

    @property
    def internal_passwords(self) -> Path:
        """User and password hash of our own parts."""
        return self.directory / "internal.passwd"

    @property
    def internal_secret(self) -> Path:
        """The password of our own parts as they send it, readable for its owner alone."""
        return self.directory / "internal.secret"


def render_config(settings: Settings) -> str:
    """Write mosquitto.conf."""
    files = BrokerFiles.of(settings)
    expiry_h = max(7 * 24, -(-settings.ingest_session_expiry_s // 3600))
    queue_bytes = settings.broker_queue_bytes_max
    return f"""\
# Written by Sapar from its settings: change those, not this file.
per_listener_settings true

# Sessions, retained messages and queues outlive a restart; a crash loses up to one interval.
persistence true
persistence_location {files.directory}/
persistence_file mosquitto.db
autosave_interval {settings.broker_autosave_interval_s}
persistent_client_expiration {expiry_h}h

# What is under way to one client: a worker is given as much as it asks for (receive maximum).
max_inflight_messages {settings.ingest_receive_max}
max_inflight_bytes {INTERNAL_MESSAGE_BYTES_MAX}
max_packet_size {INTERNAL_MESSAGE_BYTES_MAX}
# What waits for one client. Beyond it messages are dropped, although they were acknowledged.
max_queued_messages {max(1, queue_bytes // QUEUED_MESSAGE_BYTES)}
max_queued_bytes {queue_bytes}
# Last resort for the whole process: publishers are disconnected and send again later.
memory_limit {queue_bytes + queue_bytes // 4 + 512 * 1024 * 1024}

# No device may write what devices read retained, and a check of the publisher's rights would
# fail after a restart on other ports.
check_retain_source false
set_tcp_nodelay true
sys_interval 10

pid_file {files.pid}
log_dest file {files.log}
log_timestamp true
log_timestamp_format %Y-%m-%dT%H:%M:%S%z
log_type error
log_type warning
log_type notice
log_type information
{"log_type debug" if settings.broker_log_denials else "# log_type debug: see broker_log_denials"}
connection_messages true

# Devices.
listener {settings.device_broker_port}{_bind(settings.device_broker_host)}
allow_anonymous false
use_username_as_clientid true
password_file {files.device_passwords}
acl_file {files.device_access}

# Our own parts: no access rules, a password that no device has.
listener {settings.broker_port}{_bind(settings.broker_host)}
allow_anonymous false
password_file {files.internal_passwords}
"""


def _bind(host: str) -> str:
    """Give the address to listen on: loopback when clients use loopback, else every interface."""
    if host == "localhost":
        return " 127.0.0.1"
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return f" {host}"
    return ""


def render_passwords(credentials: Iterable[Credential]) -> str:
    """Write the password file: one `user:hash` a line."""
    return "".join(f"{username(c.agency_id, c.device_id)}:{c.password_hash}\n" for c in credentials)


def render_access(credentials: Iterable[Credential]) -> str:
    """Write the access file: for each device the topics it may write and read, and no others."""
    return "".join(map(_render_device_access, credentials))


def _render_device_access(credential: Credential) -> str:
    agency_id, device_id = credential.agency_id, credential.device_id
    lines = [f"user {username(agency_id, device_id)}"]
    lines += [f"topic write {device_topic(agency_id, device_id, kind)}" for kind in UP_KINDS]
    lines += [f"topic read {device_topic(agency_id, device_id, kind)}" for kind in DOWN_KINDS]
    lines += [f"topic read {agency_topic(agency_id, kind)}" for kind in AGENCY_KINDS]
    return "\n".join(lines) + "\n\n"


def shared_group(settings: Settings, part: str = "ingest") -> str:
    """Name the group of a part's shared subscription; only our own parts can know it.

    Mosquitto's access file rules what a client receives, not what it subscribes to. A device that
    joined the group would be handed every second message of the whole fleet, and since it may not
    read them they would vanish. So the name is derived from our own password.
    """
    password = ensure_internal_password(settings).encode()
    return f"{part}-{hmac.new(password, b'shared group', 'sha256').hexdigest()[:24]}"


def ensure_internal_password(settings: Settings) -> str:
    """Give the password of our own parts; without the setting it is generated once and kept.

    It lies in `internal.secret` of `broker_dir`, mode 0600.
    """
    given = settings.broker_password.get_secret_value()
    if given:
        return given
    path = BrokerFiles.of(settings).internal_secret
    path.parent.mkdir(parents=True, exist_ok=True)
    # whoever comes second of two processes that start at once reads what the first one wrote
    with suppress(FileExistsError):
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
        try:
            path.hardlink_to(temporary)
        finally:
            temporary.unlink()
    return path.read_text(encoding="ascii")


def write_config(settings: Settings) -> None:
    """Write what the broker needs before its first start: configuration and our own password.

    Password and access files of devices are made empty when they are absent: until the first
    `write_devices` no device may connect. So is the log, which the broker's account must own.
    """
    files = BrokerFiles.of(settings)
    files.directory.mkdir(parents=True, exist_ok=True)
    password = ensure_internal_password(settings)
    entry = f"{settings.broker_username}:{hash_password(password)}\n"
    _replace(files.internal_passwords, entry)
    _replace(files.config, render_config(settings))
    for path in (files.device_passwords, files.device_access, files.log):
        if not path.exists():
            _replace(path, "")


def write_devices(settings: Settings, credentials: Iterable[Credential]) -> bool:
    """Write users and topics of all devices; give whether anything differs from before."""
    credentials = list(credentials)
    files = BrokerFiles.of(settings)
    # Access first: a user without topics is harmless, the other way round a new device would be
    # refused its topics until the next reload.
    changed = _replace(files.device_access, render_access(credentials))
    return _replace(files.device_passwords, render_passwords(credentials)) or changed


def reload_broker(settings: Settings) -> Reload:
    """Have the broker on this machine read users and topics again.

    It disconnects every client whose user vanished or whose password changed. While `starting` it
    may have read the old files already and must be asked again.

    Raises:
        BadInput: the pid file holds no number (code `pid_file`).
    """
    path = BrokerFiles.of(settings).pid
    try:
        pid = int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return "absent"
    except ValueError:
        raise BadInput(f"{path} holds no process id", code="pid_file") from None
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        # a pid file outlives a killed broker, and its number may belong to somebody else by now
        if _status_field(status, "Name") != "mosquitto":
            return "absent"
        # until it has set its handler, SIGHUP would end it
        if not int(_status_field(status, "SigCgt"), 16) & 1 << (signal.SIGHUP - 1):
            return "starting"
        os.kill(pid, signal.SIGHUP)
    except (FileNotFoundError, ProcessLookupError):
        return "absent"
    return "reloaded"


def _status_field(status: str, name: str) -> str:
    lines = (line.partition(":") for line in status.splitlines())
    return next((value.strip() for key, _, value in lines if key == name), "")


def _replace(path: Path, text: str) -> bool:
    """Put `text` in place of the file at once, owned like its directory; False if it stood there.

    The broker may run under an account of its own and reads some files again on every reload; the
    directory belongs to that account.
    """
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(_FILE_MODE)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(temporary, owner.st_uid, owner.st_gid)
    temporary.replace(path)
    return True
