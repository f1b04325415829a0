"""Passwords: which are good enough, and hashes that are slow to guess."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lumina_core.errors import InvalidInput

__all__ = ["LONGEST", "SHORTEST", "Passwords", "check_password"]

SHORTEST, LONGEST = 15, 256
"""In characters. NIST SP 800-63B-4, section 3.1.1.2, asks for at least 15 where the password is the only factor, and
for no rules on which characters it is made of."""

_T = TypeVar("_T")
_FEWEST_LEFT = 8
_FEWEST_DIFFERENT = 5
_GUESSED_FIRST = (
    "password", "passwort", "passw0rd", "letmein", "welcome", "changeme", "iloveyou", "administrator", "admin",
    "lumina", "master", "monkey", "dragon", "football", "baseball", "sunshine", "princess", "trustno1", "superman",
    "qwertyuiop", "qwertzuiop", "qwerty", "qwertz", "azerty", "asdfghjkl", "asdfgh", "zxcvbnm", "1q2w3e4r", "1qaz2wsx",
    "abcdefghijklmnopqrstuvwxyz", "abcdefgh", "abcdef", "abc", "01234567890", "1234567890", "0987654321", "123456789",
    "12345678", "1234567", "123456", "12345", "1234", "123",
)  # fmt: skip


def check_password(password: str, *, user: str) -> None:
    """
    Raises:
        InvalidInput: it would be guessed too soon; the message says why.
    """
    length = len(_normal(password))
    if length < SHORTEST:
        raise InvalidInput(
            f"the password has {length} characters and needs {SHORTEST} or more",
            hint="Four or five words that do not belong together are easy to remember and hard to guess.",
        )
    if length > LONGEST:
        raise InvalidInput(f"the password has {length} characters; {LONGEST} are the most")
    left = _normal(password).casefold()
    if len(set(left)) < _FEWEST_DIFFERENT:
        raise InvalidInput("the password repeats a few characters", hint="Use a few words instead.")
    for word in sorted((*_GUESSED_FIRST, user.casefold()), key=len, reverse=True):
        left = left.replace(word, "")
    if len(left) < _FEWEST_LEFT:
        raise InvalidInput(
            "the password is made of what is guessed first: common passwords, rows of keys, your name, or Lumina's",
            hint="Use a few words that do not belong together.",
        )


class Passwords:
    """Hashes and compares on another thread: one takes some 50 ms and 64 MiB, by design (RFC 9106, section 4)."""

    def __init__(self, executor: Executor, hasher: PasswordHasher | None = None) -> None:
        """`executor` bounds how many are computed, and so how much memory they take, at once."""
        self._executor = executor
        self._hasher = hasher or PasswordHasher()
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        return await self._off_the_loop(lambda: self._hasher.hash(_normal(password)))

    async def matches(self, known: str | None, password: str) -> bool:
        """Whether it is the password. Without a user, `known` is None: the work is the same and the answer no."""

        def compare() -> bool:
            if self._nobodys is None:
                self._nobodys = self._hasher.hash("nobody has this password")
            try:
                return self._hasher.verify(known or self._nobodys, _normal(password)) and known is not None
            except (VerificationError, InvalidHashError):
                return False

        return await self._off_the_loop(compare)

    def is_outdated(self, known: str) -> bool:
        """Whether a hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(known)

    async def _off_the_loop(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
