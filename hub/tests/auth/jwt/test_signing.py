"""Forging: everything that must not verify, and that what we sign does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey, RSAKey

from lumina_hub.auth.jwt.claims import HUB_AUDIENCE, Claims
from lumina_hub.auth.jwt.signing import LEEWAY_S, is_signed, sign, verify
from lumina_hub.auth.keys.ring import LONGEST_TOKEN_S, KeyRing
from lumina_hub.errors import InvalidToken, TokenFault
from lumina_sdk.contract import Scope, ScopeSet

ISSUER = "http://hub.example"


@pytest.fixture
def keys(tmp_path: Path, clock) -> KeyRing:  # type: ignore[no-untyped-def]
    return KeyRing.open(tmp_path / "keys", clock=clock)


@pytest.fixture
def claims(clock) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    return {
        "iss": ISSUER,
        "sub": "token:1",
        "aud": [HUB_AUDIENCE],
        "iat": clock(),
        "exp": clock() + 60,
        "jti": "j",
        "client_id": "token:1",
        "scope": "chat read:graph",
    }


def header(keys: KeyRing, **more: object) -> dict[str, Any]:
    return {"alg": "Ed25519", "typ": "at+jwt", "kid": keys.signing.kid, **more}


def signed(keys: KeyRing, said: dict[str, Any], **more: object) -> str:
    return jwt.encode(header(keys, **more), said, keys.signing.key, algorithms=["Ed25519"])


def by_hand(head: object, said: object, signature: bytes = b"") -> str:
    parts = [json.dumps(head).encode(), json.dumps(said).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def fault(token: str, keys: KeyRing, clock: Any, issuer: str = ISSUER) -> TokenFault:
    with pytest.raises(InvalidToken) as caught:
        verify(token, keys, issuer=issuer, clock=clock)
    return caught.value.fault


def test_a_sound_token_verifies(keys: KeyRing, clock, claims: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    said = verify(signed(keys, claims), keys, issuer=ISSUER, clock=clock)

    assert (said.subject, said.scopes) == ("token:1", ScopeSet(["chat", "read:graph"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    subject=st.text(min_size=1),
    actor=st.none() | st.text(min_size=1),
    scopes=st.frozensets(st.sampled_from(sorted(Scope))),
    lifetime_s=st.integers(1, int(LONGEST_TOKEN_S)),
)
def test_verifying_undoes_signing(  # type: ignore[no-untyped-def]
    keys: KeyRing, clock, subject: str, actor: str | None, scopes: frozenset[str], lifetime_s: int
) -> None:
    claims = Claims(
        issuer=ISSUER,
        subject=subject,
        audience=(HUB_AUDIENCE, "module:almanac"),
        issued_at=clock(),
        expires_at=clock() + lifetime_s,
        token_id="j",
        client_id="c",
        scopes=ScopeSet(scopes),
        actor=actor,
    )

    token = sign(claims, keys)

    assert is_signed(token)
    assert verify(token, keys, issuer=ISSUER, clock=clock) == claims


def test_an_unsigned_token_is_refused(keys: KeyRing, clock, claims: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    for algorithm in ("none", "None", "NONE", "", None):
        assert fault(by_hand(header(keys, alg=algorithm), claims), keys, clock) is TokenFault.MALFORMED
    without = {name: value for name, value in header(keys).items() if name != "alg"}
    assert fault(by_hand(without, claims), keys, clock) is TokenFault.MALFORMED


def test_the_public_key_is_no_hmac_secret(keys: KeyRing, clock, claims: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    public = keys.signing.key.as_dict(private=False)
    raw = base64.urlsafe_b64decode(str(public["x"]) + "==")
    for secret in (raw, keys.signing.key.as_pem(private=False), json.dumps(public).encode()):
        unsigned = by_hand(header(keys, alg="HS256"), claims).rpartition(".")[0]
        mac = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
        forged = unsigned + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
        assert fault(forged, keys, clock) is TokenFault.MALFORMED


@pytest.mark.parametrize("algorithm", ["RS256", "HS256", "EdDSA"])
def test_no_other_algorithm_is_accepted(keys: KeyRing, clock, claims: dict[str, Any], algorithm: str) -> None:  # type: ignore[no-untyped-def]
    other = {"RS256": RSAKey.generate_key(2048), "HS256": OctKey.generate_key(256), "EdDSA": keys.signing.key}[
        algorithm
    ]
    with pytest.warns() if algorithm == "EdDSA" else nullcontext():
        forged = jwt.encode(header(keys, alg=algorithm), claims, other, algorithms=[algorithm])  # type: ignore[arg-type]

    assert fault(forged, keys, clock) is TokenFault.MALFORMED


def test_a_key_in_the_header_is_not_used(keys: KeyRing, clock, claims: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    own = OKPKey.generate_key("Ed25519")
    public = own.as_dict(private=False)
    for more in ({"jwk": public}, {"jku": "https://evil.example/jwks.json"}, {"x5u": "https://evil.example/c.pem"}):
        forged = jwt.encode(header(keys, **more), claims, own, algorithms=["Ed25519"])
        assert fault(forged, keys, clock) is TokenFault.MALFORMED
    for kid in (own.thumbprint(), "../../owner.token", "/dev/null", "' OR 1=1 --", "", 0, None, ["a"], {"a": 1}):
        forged = by_hand(header(keys, kid=kid), claims, b"s" * 64)
        assert fault(forged, keys, clock) in (TokenFault.UNKNOWN_KEY, TokenFault.MALFORMED)


def test_another_hubs_token_is_refused(keys: KeyRing, clock, claims: dict[str, Any], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    other = KeyRing.open(tmp_path / "other", clock=clock)

    assert fault(signed(other, claims), keys, clock) is TokenFault.UNKNOWN_KEY
    assert fault(signed(keys, {**claims, "iss": "http://other.example"}), keys, clock) is TokenFault.MALFORMED


@pytest.mark.parametrize("audience", ["other", ["module:almanac"], [], "", None, {"lumina": 1}, ["Lumina"], 5])
def test_a_token_for_somebody_else_is_refused(keys: KeyRing, clock, claims: dict[str, Any], audience: object) -> None:  # type: ignore[no-untyped-def]
    assert fault(signed(keys, {**claims, "aud": audience}), keys, clock) is TokenFault.MALFORMED


def test_a_token_ends_when_it_says(keys: KeyRing, clock, claims: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    token = signed(keys, claims)

    clock.turn(60 + LEEWAY_S - 1)
    verify(token, keys, issuer=ISSUER, clock=clock)
    clock.turn(1)
    assert fault(token, keys, clock) is TokenFault.EXPIRED


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"])
def test_a_token_that_leaves_something_out_is_refused(  # type: ignore[no-untyped-def]
    keys: KeyRing, clock, claims: dict[str, Any], claim: str
) -> None:
    del claims[claim]

    assert fault(signed(keys, claims), keys, clock) is TokenFault.MALFORMED


@pytest.mark.parametrize(
    "change",
    [
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": True},
        {"exp": 10**400},
        {"iat": 10**12},
        {"nbf": 10**12},
        {"sub": 7},
        {"scope": ["chat"]},
        {"scope": "chat; drop"},
        {"act": "module:almanac"},
        {"act": {}},
        {"act": {"sub": None}},
    ],
    ids=str,
)
def test_a_claim_of_another_kind_is_refused(  # type: ignore[no-untyped-def]
    keys: KeyRing, clock, claims: dict[str, Any], change: dict[str, object]
) -> None:
    assert fault(signed(keys, {**claims, **change}), keys, clock) is TokenFault.MALFORMED


def test_a_token_that_would_outlive_its_key_is_refused(keys: KeyRing, clock, claims: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    long = {**claims, "exp": clock() + LONGEST_TOKEN_S + 1}

    assert fault(signed(keys, long), keys, clock) is TokenFault.MALFORMED


def test_another_kind_of_jwt_is_no_access_token(keys: KeyRing, clock, claims: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    for kind in ("JWT", "id+jwt", "", "at+jwt2"):
        assert fault(signed(keys, claims, typ=kind), keys, clock) is TokenFault.MALFORMED


def test_no_change_to_a_token_goes_unnoticed(keys: KeyRing, clock, claims: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    token = signed(keys, claims)
    head, said, signature = token.split(".")
    more = by_hand(None, {**claims, "scope": "admin:hub"}).split(".")[1]

    assert fault(f"{head}.{more}.{signature}", keys, clock) is TokenFault.MALFORMED
    for place in range(0, len(token), 7):
        for letter in ("A", "B"):
            changed = token[:place] + letter + token[place + 1 :]
            if changed != token and place not in (len(head), len(head) + 1 + len(said), len(token) - 1):
                fault(changed, keys, clock)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text())
def test_what_is_no_token_is_refused_whatever_it_is(keys: KeyRing, clock, text: str) -> None:  # type: ignore[no-untyped-def]
    fault(text, keys, clock)
    fault(f"eyJ{text}..", keys, clock)


def test_a_header_that_nests_without_end_is_refused(keys: KeyRing, clock) -> None:  # type: ignore[no-untyped-def]
    nested = base64.urlsafe_b64encode(b'{"a":' * 100_000).decode().rstrip("=")

    assert fault(f"{nested}.e30.AA", keys, clock) is TokenFault.MALFORMED
