"""Passwords: argon2id, checked with the same work whether a person exists or not.

The rules are those of NIST SP 800-63B, 3.1.1: length, nothing that names the person, no demand for
kinds of characters and no expiry.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sapar.core.errors import BadInput
from sapar.core.settings import Settings

LENGTH_MAX = 256
_DIFFERENT_MIN = 5  # characters: `aaaaaaaaaaaa` is long and no password
_CHECKS_AT_ONCE = 2  # each takes the memory and a core for a tenth of a second
_SYLLABLES = "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni"
_SYLLABLES += " no nu ra re ri ro ru sa se si so su ta te ti to tu za ze zi zo zu pa pe pi po pu"


class Passwords:
    """Makes and checks hashes with the deployment's parameters.

    Args:
        settings: the parameters of argon2id and the fewest characters.
    """

    def __init__(self, settings: Settings) -> None:
        self._length_min = settings.password_length_min
        self._hasher = PasswordHasher(
            time_cost=settings.password_argon2_time,
            memory_cost=settings.password_argon2_memory_kib,
            parallelism=settings.password_argon2_lanes,
        )
        self._nobody: str | None = None
        self._gate = asyncio.Semaphore(_CHECKS_AT_ONCE)

    @property
    def length_min(self) -> int:
        """Fewest characters of a password."""
        return self._length_min

    async def make_hash(self, password: str) -> str:
        """Give the hash of a password, its parameters and salt inside."""
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def check(self, password_hash: str | None, password: str) -> bool:
        """Tell whether a password is right; without a hash it is not, after the same work."""
        async with self._gate:
            return await asyncio.to_thread(self._check, password_hash, _normal(password))

    def _check(self, password_hash: str | None, password: str) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash(secrets.token_urlsafe(32))
        try:
            self._hasher.verify(password_hash or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    def is_old(self, password_hash: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def check_rules(self, password: str, *names: str) -> None:
        """Refuse a password that is easily guessed.

        Args:
            password: as typed.
            names: of the person; none may be in it, nor it in them.

        Raises:
            BadInput: `password_short`, `password_long`, `password_plain` or `password_name`.
        """
        normal = _normal(password)
        if len(normal) < self._length_min:
            raise BadInput(
                f"A password has at least {self._length_min} characters.",
                code="password_short",
                hint="Some words in a row are easy to keep in mind and hard to guess.",
            )
        if len(normal) > LENGTH_MAX:
            raise BadInput(f"A password has at most {LENGTH_MAX} characters.", code="password_long")
        if len(set(normal)) < _DIFFERENT_MIN:
            raise BadInput(
                f"A password has at least {_DIFFERENT_MIN} different characters.",
                code="password_plain",
            )
        plain = normal.casefold()
        parts = [part for name in names for part in _normal(name).casefold().split()]
        if any(len(part) >= 3 and part in plain for part in parts):
            raise BadInput("A password does not hold the person's name.", code="password_name")


def make_password() -> str:
    """Make a password that can be read out over the telephone: 76 random bits in four words."""
    syllables = _SYLLABLES.split()
    words = ["".join(secrets.choice(syllables) for _ in range(3)) for _ in range(4)]
    return "-".join([*words[:3], words[3] + str(secrets.randbelow(100))])


def _normal(password: str) -> str:
    """One form for what keyboards write in several (é as one or as two characters)."""
    return unicodedata.normalize("NFC", password)
