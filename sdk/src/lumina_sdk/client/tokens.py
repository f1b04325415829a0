"""Where a client's token comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from lumina_sdk.errors import InvalidEnvironment

__all__ = ["FileToken", "FixedToken", "TokenSource"]


class TokenSource(Protocol):
    """Gives a token for each request."""

    def token(self) -> str | None:
        """The token to use now; None to send none."""

    def renew(self) -> bool:
        """The hub no longer takes the token: get another. False where there is none to be had."""


class FixedToken:
    """One token, which stays the same."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def token(self) -> str | None:
        return self._token

    def renew(self) -> bool:
        return False


class FileToken:
    """A token in a file that the hub replaces before it expires. The file is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token: str | None = None
        self._stamp: tuple[int, int] | None = None

    def token(self) -> str | None:
        try:
            found = self._path.stat()
            stamp = (found.st_ino, found.st_mtime_ns)
            if stamp != self._stamp:
                self._token, self._stamp = self._path.read_text(encoding="utf-8").strip(), stamp
        except OSError as error:
            raise InvalidEnvironment(f"The token file cannot be read: {error}.", hint="Is the hub running?") from error
        return self._token

    def renew(self) -> bool:
        before, self._stamp = self._token, None
        return self.token() != before
