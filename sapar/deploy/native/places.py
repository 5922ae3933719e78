"""Where a private service may live: its directory, its port, and the lock that keeps it ours."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import random
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sapar.core.errors import Refused

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account of this machine that a service runs as."""

    name: str
    uid: int
    gid: int


def service_account(*names: str) -> Account | None:
    """Give the first of `names` that this machine has, or None when we are not root.

    PostgreSQL refuses to run as root and a broker should not; whoever is not root already runs
    services as themselves.

    Raises:
        Refused: we are root and none of the accounts exists.
    """
    if os.geteuid() != 0:
        return None
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Refused(
        f"running as root, and there is no account {' or '.join(names)} to drop to",
        code="no_service_account",
        hint="Run `make setup`, which installs the packages that bring these accounts.",
    )


def state_directory(checkout: Path) -> Path:
    """Choose the directory for the private services of a checkout.

    `var/` in the checkout is where a person looks first. As root the services run as other
    accounts, and a checkout may lie where those cannot walk (a home directory of mode 0700, say);
    then it is a directory under /var/lib, named by the checkout's path so that two checkouts never
    meet and the same checkout finds its data again.
    """
    inside = checkout.resolve() / "var"
    if os.geteuid() != 0 or _walkable_by_all(checkout.resolve()):
        return inside
    name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:12]
    return Path("/var/lib") / f"sapar-{name}"


def _walkable_by_all(path: Path) -> bool:
    return all(
        folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents) if folder.exists()
    )


def prepare_directory(path: Path, account: Account | None, mode: int) -> None:
    """Make `path` with exactly `mode`, owned by `account` (or by us when it is None)."""
    path.mkdir(parents=True, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)


_PORTS = range(20_000, 32_000)
"""Below the kernel's range for outgoing connections: a client that tries to reconnect to a service
that is down could be given the service's own port there, and the service could not come back."""


def free_port(preferred: int = 0) -> int:
    """Give `preferred` when nothing listens there on loopback, else a free port of `_PORTS`.

    Whoever listens there later than at once should take `hold_port`.

    Raises:
        Refused: no port is free.
    """
    candidates = [preferred] if preferred else []
    for port in (*candidates, *random.sample(_PORTS, 200)):
        if _is_free(port):
            return port
    raise Refused("no free port on loopback", code="no_free_port")


class HeldPort:
    """A loopback port that no other holder is given, until it is let go or we die.

    What will listen may come up minutes later, or be away for a moment: by asking whether anybody
    listens, the port would be given away meanwhile. What is held is a name: the socket of an
    abstract address in the kernel, known in the same network as the port (so to all accounts and
    checkouts), and gone with the process. The port itself stays free for the part that listens.
    """

    def __init__(self, port: int, name: socket.socket) -> None:
        self.port = port
        self._name = name

    def let_go(self) -> None:
        """Leave the port to others."""
        self._name.close()


def hold_port(preferred: int) -> HeldPort:
    """Hold `preferred`, else one of the next few, else one of `_PORTS`: nobody listens there yet.

    Raises:
        Refused: no port is free.
    """
    for port in (*range(preferred, preferred + 10), *random.sample(_PORTS, 200)):
        name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            name.bind(f"\0sapar-port-{port}")
        except OSError:
            name.close()
            continue
        # Only now: whoever let go of the name a moment ago may listen.
        if _is_free(port):
            return HeldPort(port, name)
        name.close()
    raise Refused("no free port on loopback", code="no_free_port")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of an earlier run that linger in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def listening(port: int) -> bool:
    """Tell whether something accepts connections on loopback `port`."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


@contextmanager
def hold_directory(path: Path) -> Iterator[None]:
    """Keep `path` for this process: a second holder is refused until we let go or die.

    The kernel drops the lock with the process, so a crash leaves nothing to clean up; the file
    itself stays and only tells who holds it.

    Raises:
        Refused: another process holds it.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / "lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise Refused(
                f"{path} is in use by process {holder}",
                code="directory_in_use",
                hint="Stop that process, or use another checkout.",
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
