from __future__ import annotations

import json
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from lumina_core.errors import InvalidInput
from lumina_hub.auth.keys.ring import LONGEST_TOKEN_S, KeyRing


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def test_the_first_start_makes_a_key_that_only_its_owner_reads(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    KeyRing.open(directory, clock=clock)

    (file,) = directory.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_others_could_read_is_closed_to_them(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    KeyRing.open(directory, clock=clock)
    (file,) = directory.iterdir()
    file.chmod(0o644)
    directory.chmod(0o755)

    KeyRing.open(directory, clock=clock)

    assert (directory.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_key_outlives_the_hub(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    first = KeyRing.open(directory, clock=clock).signing

    assert KeyRing.open(directory, clock=clock).signing.kid == first.kid


def test_after_a_rotation_the_new_key_signs_and_the_old_one_verifies(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    ring = KeyRing.open(directory, clock=clock)
    old = ring.signing

    new = ring.rotate()

    assert ring.signing == new != old
    assert ring.find(old.kid) == old
    again = KeyRing.open(directory, clock=clock)
    assert [key.kid for key in again.verifying()] == [new.kid, old.kid]


def test_an_old_key_goes_once_the_last_token_it_signed_has_ended(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    ring = KeyRing.open(directory, clock=clock)
    old = ring.signing
    clock.turn(1_000_000)
    new = ring.rotate()

    clock.turn(LONGEST_TOKEN_S)
    assert ring.find(old.kid) is not None
    clock.turn(100)
    assert ring.find(old.kid) is None

    assert ring.find(new.kid) is not None
    KeyRing.open(directory, clock=clock)
    assert [path.stem for path in directory.iterdir()] == [new.kid]


def test_keys_made_at_one_moment_or_with_the_clock_set_back_stay_in_order(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    ring = KeyRing.open(directory, clock=clock)
    made = [ring.rotate().kid for _ in range(3)]
    clock.turn(-60)
    made.append(ring.rotate().kid)

    assert [key.kid for key in KeyRing.open(directory, clock=clock).verifying()][:4] == made[::-1]


def test_what_is_published_holds_nothing_private(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    ring = KeyRing.open(directory, clock=clock)

    public = ring.signing.public()

    assert set(public) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert OKPKey.import_key(public).is_private is False  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"jwk": {"kty": "oct", "k": "AA"}, "made_at": 1}', "\0"])
def test_a_file_that_holds_no_key_is_named(directory: Path, clock, content: str) -> None:  # type: ignore[no-untyped-def]
    directory.mkdir()
    (directory / "key.json").write_text(content)

    with pytest.raises(InvalidInput, match=r"key\.json holds no signing key"):
        KeyRing.open(directory, clock=clock)


def test_a_key_under_another_name_or_of_another_kind_is_refused(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    directory.mkdir()
    for curve in ("Ed25519", "X25519"):
        jwk = OKPKey.generate_key(curve).as_dict(private=True)  # type: ignore[arg-type]
        (directory / "a.json").write_text(json.dumps({"jwk": jwk, "made_at": 1}))

        with pytest.raises(InvalidInput):
            KeyRing.open(directory, clock=clock)


def test_a_write_that_was_broken_off_leaves_the_keys_as_they_were(directory: Path, clock) -> None:  # type: ignore[no-untyped-def]
    kid = KeyRing.open(directory, clock=clock).signing.kid
    (directory / "half.json.new").write_text('{"made')

    assert KeyRing.open(directory, clock=clock).signing.kid == kid
