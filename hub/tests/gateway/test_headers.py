from __future__ import annotations

import re

import pytest

from lumina_hub.gateway.headers import RawHeaders, request_headers, request_id_of, response_headers, trace_of

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def sent(*headers: tuple[bytes, bytes]) -> dict[bytes, bytes]:
    return dict(request_headers(list(headers), host=b"almanac", scheme=b"https", client=b"192.0.2.7"))


def answered(*headers: tuple[bytes, bytes]) -> dict[bytes, bytes]:
    return dict(response_headers(list(headers), b"id-12345678"))


@pytest.mark.parametrize(
    "name",
    [
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"x-csrf-token",
        b"connection",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"forwarded",
        b"x-real-ip",
        b"x-lumina-authorization",
        b"x-lumina-anything",
        b"x_lumina_authorization",
        b"content_length",
    ],
)
def test_it_does_not_reach_a_module(name: bytes) -> None:
    assert name not in sent((name, b"x"))


def test_what_connection_names_ends_at_the_gateway() -> None:
    assert sent((b"connection", b"close, X-Secret"), (b"x-secret", b"1"), (b"accept", b"*/*")).keys() == {
        b"host",
        b"accept",
        b"x-forwarded-proto",
        b"x-forwarded-for",
    }
    assert b"x-secret" not in answered((b"x-secret", b"1"), (b"connection", b"x-secret"))


def test_a_module_is_told_who_asked_and_not_what_the_caller_says_about_it() -> None:
    headers = sent((b"host", b"lumina.example"), (b"x-forwarded-for", b"203.0.113.9"), (b"x-forwarded-host", b"evil"))

    assert headers[b"host"] == b"almanac"
    assert headers[b"x-forwarded-host"] == b"lumina.example"
    assert headers[b"x-forwarded-proto"] == b"https"
    assert headers[b"x-forwarded-for"] == b"192.0.2.7"


def test_the_order_and_repetition_of_other_fields_is_kept() -> None:
    given = [(b"accept", b"a"), (b"x-two", b"1"), (b"x-two", b"2")]

    kept = request_headers(list(given), host=b"almanac", scheme=b"http", client=b"")

    assert [field for field in kept if field in given] == given


@pytest.mark.parametrize(
    "name",
    [
        b"set-cookie",
        b"clear-site-data",
        b"service-worker-allowed",
        b"strict-transport-security",
        b"www-authenticate",
        b"access-control-allow-origin",
        b"transfer-encoding",
        b"connection",
        b"server",
        b"x-lumina-anything",
    ],
)
def test_it_does_not_come_from_a_module(name: bytes) -> None:
    assert name not in answered((name, b"x"))


def test_a_modules_page_runs_nothing_on_the_hubs_origin() -> None:
    policy = answered((b"content-security-policy", b"default-src *"))[b"content-security-policy"]

    assert b"sandbox;" in policy
    assert b"*" not in policy


def test_connection_cannot_name_our_own_fields_away() -> None:
    headers = answered((b"connection", b"content-security-policy, x-frame-options"))

    assert {b"content-security-policy", b"x-frame-options"} <= headers.keys()


def test_an_answer_is_kept_by_nobody_unless_the_module_says_so() -> None:
    assert answered()[b"cache-control"] == b"no-store"
    assert answered((b"cache-control", b"max-age=60"))[b"cache-control"] == b"max-age=60"


def test_a_valid_trace_is_passed_on_with_its_state() -> None:
    given: RawHeaders = [(b"traceparent", TRACE), (b"tracestate", b"a=b")]

    assert trace_of(given) == given


@pytest.mark.parametrize(
    "given",
    [
        [],
        [(b"traceparent", b"nonsense")],
        [(b"traceparent", TRACE.replace(b"4bf92f3577b34da6a3ce929d0e0e4736", b"0" * 32)), (b"tracestate", b"a=b")],
        [(b"traceparent", b"ff" + TRACE[2:])],
        [(b"traceparent", TRACE), (b"traceparent", TRACE)],
    ],
)
def test_without_a_valid_trace_a_new_one_begins(given: RawHeaders) -> None:
    [(name, value)] = trace_of(given)

    assert name == b"traceparent"
    assert value != TRACE
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-01", value)


def test_a_callers_request_id_is_kept_if_it_is_a_plain_word() -> None:
    assert request_id_of([(b"x-request-id", b"trace-12345678")]) == b"trace-12345678"
    assert request_id_of([(b"x-request-id", b"bad id\r\n")]) != b"bad id\r\n"
