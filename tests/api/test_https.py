"""HTTPS: the certificate of this machine, and the server with it."""

import asyncio
import os
import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509

from sapar.cli.local_certificate import ensure_local_certificate
from sapar.core.settings import Settings
from sapar.deploy.native import free_port
from tests.api.test_process import end_for_certain

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_it_is_made_once_and_made_anew_in_time(tmp_path: Path) -> None:
    certificate, key = ensure_local_certificate(tmp_path, "0.0.0.0", NOW)
    first = certificate.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "authority.key").stat().st_mode) == 0o600
    names = x509.load_pem_x509_certificate(first).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "localhost" in names.value.get_values_for_type(x509.DNSName)
    assert ensure_local_certificate(tmp_path, "0.0.0.0", NOW)[0].read_bytes() == first
    authority = (tmp_path / "authority.pem").read_bytes()
    ensure_local_certificate(tmp_path, "bus.test", NOW)
    second = certificate.read_bytes()
    assert second != first  # it has to name another host
    ensure_local_certificate(tmp_path, "bus.test", NOW + timedelta(days=380))
    assert certificate.read_bytes() != second
    assert (tmp_path / "authority.pem").read_bytes() == authority  # phones go on trusting it


async def test_the_api_speaks_https_and_ends_when_asked(
    town_settings: Settings, tmp_path: Path
) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "SAPAR_DATABASE_URL": town_settings.database_url.get_secret_value(),
        "SAPAR_BROKER_PORT": str(town_settings.broker_port),
        "SAPAR_BROKER_USERNAME": town_settings.broker_username,
        "SAPAR_BROKER_PASSWORD": town_settings.broker_password.get_secret_value(),
        "SAPAR_AGENCY": town_settings.agency,
        "SAPAR_DATA_DIR": str(tmp_path),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from sapar.cli.main import main; main()",
        "api", "--port", str(port), "--https-local",
        env=environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        answer = await _first_answer(f"https://localhost:{port}", tmp_path / "https")
        assert answer.json()["default"] == town_settings.agency
        assert "strict-transport-security" not in answer.headers  # the certificate is local
        assert await end_for_certain(process) == ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _first_answer(url: str, folder: Path) -> httpx.Response:
    async with asyncio.timeout(60):
        while True:
            authority = folder / "authority.pem"
            if (folder / "server.pem").exists() and authority.exists():
                trusted = ssl.create_default_context(cafile=str(authority))
                async with httpx.AsyncClient(verify=trusted) as http:
                    try:
                        answer = await http.get(f"{url}/api/agencies.json")
                        if answer.json()["agencies"]:
                            return answer
                    except httpx.TransportError:
                        pass
            await asyncio.sleep(0.1)
