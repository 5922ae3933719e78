"""Directories, ports and locks of the private services."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sapar.core.errors import Refused
from sapar.deploy.native import free_port, hold_directory, hold_port, state_directory
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


def test_a_held_port_is_given_to_nobody_else_whether_anybody_listens_there_or_not():
    wanted = free_port()
    first, second = hold_port(wanted), hold_port(wanted)
    assert first.port == wanted
    assert wanted < second.port < wanted + 10
    # Who holds it lets a part listen there, and be away for a moment.
    for _ in range(2):
        with socket.create_server(("127.0.0.1", wanted)):
            third = hold_port(wanted)
            assert third.port not in {wanted, second.port}
            third.let_go()
    # Held by nobody and listened at by somebody it is taken too.
    first.let_go()
    with socket.create_server(("127.0.0.1", wanted)):
        third = hold_port(wanted)
        assert third.port not in {wanted, second.port}
        third.let_go()
    again = hold_port(wanted)
    assert again.port == wanted
    again.let_go()
    second.let_go()


def test_a_port_held_by_a_killed_process_is_free():
    code = (
        "import sys, time\nfrom sapar.deploy.native import hold_port\n"
        "held = hold_port(int(sys.argv[1]))\nprint(held.port, flush=True)\ntime.sleep(60)"
    )
    wanted = free_port()
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(wanted)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    port = int(holder.stdout.readline())
    assert port == wanted
    other = hold_port(wanted)
    assert other.port != wanted
    other.let_go()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    again = hold_port(wanted)
    assert again.port == wanted
    again.let_go()


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
