"""The keys that sign access tokens, one private JWK a file: `<home>/keys/<kid>.json`.

The newest key signs. The ones before it verify until the last token they can have signed has ended; then they go.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from lumina_core.errors import InvalidInput
from lumina_core.graph.layout import make_directories
from lumina_core.indexing.files import replace_durably

__all__ = ["ALGORITHM", "LONGEST_TOKEN_S", "KeyRing", "SigningKey"]

ALGORITHM: Final = "Ed25519"
"""RFC 9864: EdDSA on this one curve. Nothing else is signed with or accepted."""

LONGEST_TOKEN_S = 3600.0
"""No signed token lives longer, so a key is needed for this long after its successor was made."""

_SPARE_S = 60.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`made_at` is epoch seconds; `kid` is the key's thumbprint (RFC 7638)."""

    kid: str
    made_at: float
    key: OKPKey = field(compare=False, repr=False)

    def public(self) -> dict[str, object]:
        """What others need to verify with it: a public JWK."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": ALGORITHM}


class KeyRing:
    """Every key that still counts. The directory is readable by its owner only, and so is each file."""

    def __init__(self, directory: Path, keys: list[SigningKey], clock: Callable[[], float]) -> None:
        """Use `open`."""
        self._directory = directory
        self._keys = tuple(sorted(keys, key=lambda each: (each.made_at, each.kid)))
        self._clock = clock

    @classmethod
    def open(cls, directory: Path, *, clock: Callable[[], float]) -> KeyRing:
        """Read the keys, making the first one where there is none.

        Raises:
            InvalidInput: a file holds no key of ours.
            StorageFull: the first key cannot be written.
        """
        make_directories(directory)
        directory.chmod(0o700)
        ring = cls(directory, [_read(path) for path in sorted(directory.glob("*.json"))], clock)
        if not ring._keys:
            ring.rotate()
        ring._drop_old()
        return ring

    @property
    def signing(self) -> SigningKey:
        return self._keys[-1]

    def find(self, kid: object) -> SigningKey | None:
        """The key of that id, if tokens it signed may still be valid."""
        return next((each for each in self.verifying() if each.kid == kid), None)

    def verifying(self) -> list[SigningKey]:
        """Every key that counts now, the newest first."""
        keys, now = self._keys, self._clock()
        followed_at = [each.made_at for each in keys[1:]] + [now]
        alive = (
            each
            for each, successor_at in zip(keys, followed_at, strict=True)
            if now <= successor_at + LONGEST_TOKEN_S + _SPARE_S
        )
        return list(alive)[::-1]

    def rotate(self) -> SigningKey:
        """Make a new key; from now on it signs. Durable once this returns.

        Raises:
            StorageFull: it cannot be written; the key before it goes on signing.
        """
        key = OKPKey.generate_key(ALGORITHM)
        latest = self._keys[-1].made_at if self._keys else 0.0
        made = SigningKey(key.thumbprint(), max(self._clock(), latest + 0.001), key)
        content = {"made_at": made.made_at, "jwk": key.as_dict(private=True)}
        path = self._path(made.kid)
        path.with_name(path.name + ".new").touch(mode=0o600)  # what is written keeps the mode of what is there
        replace_durably(path, json.dumps(content).encode())
        self._keys = (*self._keys, made)
        self._drop_old()
        return made

    def _drop_old(self) -> None:
        alive = self.verifying()[::-1]
        for old in set(self._keys) - set(alive):
            self._path(old.kid).unlink(missing_ok=True)
        self._keys = tuple(alive)

    def _path(self, kid: str) -> Path:
        return self._directory / f"{kid}.json"


def _read(path: Path) -> SigningKey:
    try:
        path.chmod(0o600)
        content = json.loads(path.read_text(encoding="utf-8"))
        key = OKPKey.import_key(content["jwk"])
        made = SigningKey(key.thumbprint(), float(content["made_at"]), key)
        if key.curve_name != ALGORITHM or not key.is_private or path.stem != made.kid:
            raise ValueError("it is of another kind, or not under its own name")
    except (JoseError, ValueError, KeyError, TypeError, OSError) as error:
        raise InvalidInput(
            f"{path} holds no signing key: {error}",
            hint="Remove the file: tokens signed with it end, and a new key is made where there is none.",
        ) from error
    return made
