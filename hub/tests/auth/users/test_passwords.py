from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from lumina_core.errors import InvalidInput
from lumina_hub.auth.users.passwords import LONGEST, SHORTEST, Passwords, check_password


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "øre på en stol i regn",
        "Tr0ub4dor&3-und-mehr",
        "雨" * 3 + "四つの言葉は互いに関係がない",
    ],
)
def test_a_few_words_will_do(password: str) -> None:
    check_password(password, user="ann")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "has 5 characters"),
        ("", "has 0 characters"),
        ("a" * 14, "has 14 characters"),
        ("a" * 20, "repeats"),
        ("abcabcabcabcabcabc", "repeats"),
        ("passwordpassword", "guessed first"),
        ("Password1234567890", "guessed first"),
        ("qwertyuiopasdfghjkl", "guessed first"),
        ("12345678901234567890", "guessed first"),
        ("lumina-admin-2026", "guessed first"),
        ("annabelle-annabelle", "guessed first"),
        ("x" * 200 + "yz12" * 20, "the most"),
    ],
)
def test_what_is_guessed_first_will_not(password: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        check_password(password, user="annabelle")


def is_accepted(password: str) -> bool:
    try:
        check_password(password, user="ann")
    except InvalidInput:
        return False
    return True


@given(st.text(alphabet=st.sampled_from("abcdefgnopqw0123 -"), max_size=40))
def test_capitals_make_no_password_better_or_worse(password: str) -> None:
    assert is_accepted(password) == is_accepted(password.upper())


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=300))
def test_length_bounds_hold_for_every_alphabet(password: str) -> None:
    length = len(unicodedata.normalize("NFKC", password))

    assert not is_accepted(password) or SHORTEST <= length <= LONGEST


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(ThreadPoolExecutor(1), PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


async def test_a_hash_knows_its_password_however_it_is_typed(passwords: Passwords) -> None:
    known = await passwords.hash("Zoë zählt fünf Bücher")

    assert await passwords.matches(known, "Zoe\u0308 za\u0308hlt fu\u0308nf Bu\u0308cher")
    assert not await passwords.matches(known, "Zoe zählt fünf Bücher")
    assert "Zoë" not in known


async def test_without_a_user_the_work_is_the_same_and_the_answer_no(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    original = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda self, *given: verified.append(1) or original(self, *given))

    assert not await passwords.matches(None, "nobody has this password")
    assert not await passwords.matches(None, "another")
    assert len(verified) == 2


async def test_a_damaged_hash_matches_nothing(passwords: Passwords) -> None:
    assert not await passwords.matches("not a hash", "not a hash")


async def test_a_weaker_hash_is_outdated(passwords: Passwords) -> None:
    weak = await passwords.hash("four words not belonging")

    assert not passwords.is_outdated(weak)
    assert Passwords(ThreadPoolExecutor(1)).is_outdated(weak)


def test_the_parameters_are_those_of_the_rfc() -> None:
    hasher = PasswordHasher()

    assert (hasher.type.name, hasher.time_cost, hasher.memory_cost) == ("ID", 3, 65536)
