"""Requests to the hub: sent, tried again, and their answers read."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from lumina_sdk.client.retries import Retries
from lumina_sdk.client.tokens import TokenSource
from lumina_sdk.contract.problem import Problem
from lumina_sdk.errors import HubTimeout, HubUnreachable, InvalidAnswer, LuminaError, refusal_of

__all__ = ["Connection", "Parameters"]

_Model = TypeVar("_Model", bound=BaseModel)
Parameters = Mapping[str, str | int | float | bool | None]

_PROBLEM = "application/problem+json"
_NEEDS_KEY = frozenset({"POST", "PATCH"})


class Connection:
    """What the parts of `HubClient` send their requests with. `headers` go with every one of them."""

    def __init__(
        self, client: httpx.AsyncClient, tokens: TokenSource, retries: Retries, headers: Mapping[str, str] | None = None
    ) -> None:
        self.client = client
        self.retries = retries
        self._tokens = tokens
        self._headers = dict(headers or {})

    def as_other(self, tokens: TokenSource, headers: Mapping[str, str]) -> Connection:
        """The same connection with another token."""
        return Connection(self.client, tokens, self.retries, headers)

    async def ask(
        self,
        answer: type[_Model],
        method: str,
        path: str,
        body: BaseModel | None = None,
        *,
        params: Parameters | None = None,
        longer_s: float = 0,
    ) -> _Model:
        """Send a request and read its answer. `longer_s` is how much longer than usual the hub may take.

        Raises:
            Refusal: the hub answered with a problem.
            HubUnreachable, HubTimeout: it did not answer, also not when tried again.
            InvalidAnswer: what it answered is not an `answer`.
        """
        response = await self.send(method, path, body, params=params, longer_s=longer_s)
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise InvalidAnswer(
                f"{method} {path} was answered with something that is no {answer.__name__}: {error}",
                status=response.status_code,
                hint="Is it a Lumina hub, and of a version this SDK was made for?",
            ) from error

    async def send(
        self,
        method: str,
        path: str,
        body: BaseModel | bytes | None = None,
        *,
        params: Parameters | None = None,
        longer_s: float = 0,
    ) -> httpx.Response:
        """Send a request, again where that may help, and return an answer that is no problem. Raises as `ask` does."""
        request = self._request(method, path, body, params, longer_s)
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            last = attempt >= self.retries.attempts
            try:
                response = await self.client.send(request)
            except httpx.ConnectTimeout as error:
                failure: LuminaError = HubUnreachable(f"The hub took no connection: {error}.", hint="Is it running?")
            except httpx.TimeoutException as error:
                raise HubTimeout(f"The hub did not answer {method} {path} in time.") from error
            except httpx.TransportError as error:
                failure = HubUnreachable(
                    f"The hub cannot be reached: {error or type(error).__name__}.", hint="Is it running?"
                )
            else:
                if response.is_success:
                    return response
                refusal = _refusal(response, f"{method} {path}")
                if response.status_code == 401 and not renewed and self._tokens.renew():
                    renewed = True
                    self._authorise(request)
                    continue
                if last or not self.retries.passes(response.status_code):
                    raise refusal
                await self.retries.pause(attempt, asked_s=_seconds(response.headers.get("retry-after")))
                continue
            if last:
                raise failure
            await self.retries.pause(attempt)

    async def events(
        self, method: str, path: str, body: BaseModel, *, longer_s: float = 0
    ) -> AsyncIterator[tuple[str, str]]:
        """Send a request and yield its answer's server-sent events, as names and data. An `error` event is raised.

        It is tried once: what was said already cannot be unsaid.
        """
        request = self._request(method, path, body, None, longer_s)
        request.headers["Accept"] = "text/event-stream"
        try:
            response = await self.client.send(request, stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise _refusal(response, f"{method} {path}")
                async for name, data in _server_events(response.aiter_lines()):
                    if name == "error":
                        raise refusal_of(Problem.model_validate_json(data))
                    yield name, data
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise HubTimeout(f"The hub did not go on answering {method} {path} in time.") from error
        except httpx.TransportError as error:
            raise HubUnreachable(
                f"The hub cannot be reached: {error or type(error).__name__}.", hint="Is it running?"
            ) from error

    def _request(
        self, method: str, path: str, body: BaseModel | bytes | None, params: Parameters | None, longer_s: float
    ) -> httpx.Request:
        headers = dict(self._headers)
        if method in _NEEDS_KEY:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        content: bytes | None = None
        if isinstance(body, bytes):
            content, headers["Content-Type"] = body, "application/octet-stream"
        elif body is not None:
            content = body.model_dump_json(exclude_unset=True).encode()
            headers["Content-Type"] = "application/json"
        usual = self.client.timeout
        timeout = httpx.Timeout(
            connect=usual.connect,
            write=usual.write,
            pool=usual.pool,
            read=(usual.read or 0) + longer_s if usual.read else None,
        )
        given = {name: value for name, value in (params or {}).items() if value is not None}
        request = self.client.build_request(
            method, path, headers=headers, content=content, params=given, timeout=timeout
        )
        self._authorise(request)
        return request

    def _authorise(self, request: httpx.Request) -> None:
        if token := self._tokens.token():
            request.headers["Authorization"] = f"Bearer {token}"


def _refusal(response: httpx.Response, what: str) -> LuminaError:
    if response.headers.get("content-type", "").partition(";")[0].strip() == _PROBLEM:
        try:
            return refusal_of(Problem.model_validate_json(response.content))
        except ValidationError:
            pass
    return InvalidAnswer(
        f"{what} was answered with {response.status_code} and no problem.",
        status=response.status_code,
        hint="Is it a Lumina hub, and nothing else, at that address?",
    )


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


async def _server_events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    """Events as WHATWG HTML, section 9.2.6, reads them; ids and retry times are passed over."""
    name, data = "message", list[str]()
    async for line in lines:
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
