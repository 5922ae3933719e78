"""Directories, ports and locks of the private services."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sapar.core.errors import Refused
from sapar.deploy.native import free_port, hold_directory, state_directory
from sapar.deploy.native.places import service_account


def test_a_walkable_checkout_keeps_its_state_inside(service_directory: Path):
    checkout = service_directory / "checkout"
    checkout.mkdir(mode=0o755)
    assert state_directory(checkout) == checkout / "var"


def test_a_private_checkout_gets_a_stable_directory_elsewhere(tmp_path: Path):
    checkout = tmp_path / "home" / "checkout"
    checkout.mkdir(parents=True)
    (tmp_path / "home").chmod(0o700)
    chosen = state_directory(checkout)
    assert chosen == state_directory(checkout)
    if os.geteuid() == 0:
        assert chosen.parent == Path("/var/lib")
        assert chosen != state_directory(tmp_path / "home")
    else:
        assert chosen == checkout / "var"


def test_preferred_port_only_while_it_is_free():
    wanted = free_port()
    assert free_port(wanted) == wanted
    with socket.create_server(("127.0.0.1", wanted)):
        assert free_port(wanted) != wanted
    assert free_port(wanted) == wanted


def test_a_held_directory_refuses_a_second_holder_and_is_free_after_a_kill(tmp_path: Path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom sapar.deploy.native import hold_directory\n"
        "with hold_directory(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Refused, match=str(holder.pid)), hold_directory(tmp_path):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with hold_directory(tmp_path):
        pass
    with hold_directory(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_root_never_serves_as_root():
    account = service_account("postgres")
    assert (account is not None) == (os.geteuid() == 0)
    assert account is None or account.uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to drop to another account")
def test_root_without_an_account_to_drop_to_is_refused():
    with pytest.raises(Refused, match="no account no-such-account"):
        service_account("no-such-account")
