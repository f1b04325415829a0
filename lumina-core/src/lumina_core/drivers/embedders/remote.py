"""Embeddings from a server: Ollama's own interface, and the one OpenAI's has become for everybody."""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Self

import httpx
import numpy as np

from lumina_core.drivers.embedder import EmbedderInfo, Vectors
from lumina_core.drivers.embedders.query_cache import QueryCache
from lumina_core.errors import EmbedderDown, InvalidInput

__all__ = ["OllamaEmbedder", "OpenAIEmbedder"]

_TEXTS_PER_REQUEST: Final = 64
_CHARACTERS_PER_REQUEST: Final = 200_000
_CHARACTERS_PER_TEXT: Final = 32_000
_LONGEST_WAIT_S: Final = 20.0
_PROBE: Final = "dimension"


class _RemoteEmbedder(ABC):
    """Batches, tries again what may work later, and checks what comes back. Safe between threads."""

    name: str

    def __init__(
        self,
        url: str,
        model: str,
        *,
        dim: int | None = None,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        try:
            self._client = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout_s)
        except (httpx.InvalidURL, TypeError, ValueError) as error:
            raise InvalidInput(f"the embedder's URL {url!r} cannot be used: {error}") from error
        self._url = url
        self._model = model
        self._dim = dim
        self._attempts = attempts
        self._sleep = sleep
        self._cache = QueryCache()
        self._probe_lock = threading.Lock()

    @classmethod
    def load(cls, *, url: str, model: str, dim: int | None = None, **options: Any) -> Self:
        """Connect to `url`.

        Args:
            url: Where the server answers, such as `http://127.0.0.1:11434`.
            model: The model's name there.
            dim: The dimension to insist on; learned with one request if None.
            options: `api_key`, `timeout_s` for each request, `attempts`.

        Raises:
            EmbedderDown: the server does not answer, or with vectors of another dimension.
        """
        embedder = cls(url, model, dim=dim, **options)
        try:
            embedder.embed([_PROBE])
        except BaseException:
            embedder.close()
            raise
        return embedder

    @property
    def info(self) -> EmbedderInfo:
        return EmbedderInfo(self.name, self._model, self._dimension(), "remote")

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self._dimension()), np.float32)
        return np.concatenate([self._embed_batch(batch) for batch in _batches(texts)])

    def embed_query(self, text: str) -> Vectors:
        return self._cache.get_or_embed(text, lambda text: self._embed_batch([text])[0])

    def close(self) -> None:
        self._cache.clear()
        self._client.close()

    @abstractmethod
    def _request(self, texts: list[str]) -> tuple[str, dict[str, Any]]:
        """Give the path and the JSON body."""

    @abstractmethod
    def _read(self, answer: Any) -> Any:
        """Take the rows out of an answer, in the order of the texts; any `LookupError` or `TypeError` if it is odd."""

    def _dimension(self) -> int:
        with self._probe_lock:
            if self._dim is None:
                self._embed_batch([_PROBE])
        assert self._dim is not None  # noqa: S101 - _embed_batch sets it
        return self._dim

    def _embed_batch(self, texts: Sequence[str]) -> Vectors:
        # Some servers refuse the empty text; a space means as little.
        clean = [text[:_CHARACTERS_PER_TEXT].encode("utf-8", "replace").decode() or " " for text in texts]
        answer = self._post(*self._request(clean))
        try:
            rows = np.asarray(self._read(answer.json()), dtype=np.float32)
        except (ValueError, LookupError, TypeError) as error:
            raise self._down(f"answered with something else than embeddings ({error})") from error
        if rows.ndim != 2 or len(rows) != len(texts):
            raise self._down(f"answered with an array of shape {rows.shape} for {len(texts)} texts")
        if self._dim is None:
            self._dim = rows.shape[1]
        if rows.shape[1] != self._dim:
            raise EmbedderDown(
                f"the model {self._model!r} gives {rows.shape[1]} dimensions, not {self._dim}",
                hint="Name the model the index was built with, or build the index again with `lumina reindex`.",
            )
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
            raise self._down("answered with a vector that has no direction")
        unit: Vectors = (rows / norms).astype(np.float32)
        return unit

    def _post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Send, and again while the server is overloaded or away; the waits double, or are what it asks for."""
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts
            wait_s = min(0.25 * 2**attempt, _LONGEST_WAIT_S) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            try:
                answer = self._client.post(path, json=body)
            except httpx.TransportError as error:
                if last:
                    raise self._down(f"does not answer ({type(error).__name__}: {error})") from error
            except RuntimeError as error:
                raise EmbedderDown("the embedder was closed", hint="Load it again.") from error
            else:
                if answer.is_success:
                    return answer
                passing = answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error
                if last or not passing:
                    raise self._down(f"answered {answer.status_code}: {answer.text[:200]}")
                wait_s = _asked_wait_s(answer) or wait_s
            self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _down(self, what: str) -> EmbedderDown:
        return EmbedderDown(
            f"the embedding server at {self._url!r} {what}",
            hint=f"Check that it runs, that it has the model {self._model!r}, and the API key if it wants one.",
        )


class OllamaEmbedder(_RemoteEmbedder):
    """Ollama's `/api/embed`."""

    name = "ollama"

    def _request(self, texts: list[str]) -> tuple[str, dict[str, Any]]:
        return "/api/embed", {"model": self._model, "input": texts, "truncate": True}

    def _read(self, answer: Any) -> Any:
        return answer["embeddings"]


class OpenAIEmbedder(_RemoteEmbedder):
    """`/v1/embeddings`, as OpenAI, vLLM, LM Studio, llama-server and others serve it."""

    name = "openai"

    def _request(self, texts: list[str]) -> tuple[str, dict[str, Any]]:
        path = "/embeddings" if self._url.rstrip("/").endswith("/v1") else "/v1/embeddings"
        return path, {"model": self._model, "input": texts, "encoding_format": "float"}

    def _read(self, answer: Any) -> Any:
        rows = sorted(answer["data"], key=lambda row: row["index"])
        return [row["embedding"] for row in rows]


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        length = min(len(text), _CHARACTERS_PER_TEXT)
        if batch and (len(batch) == _TEXTS_PER_REQUEST or size + length > _CHARACTERS_PER_REQUEST):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    yield batch


def _asked_wait_s(answer: httpx.Response) -> float | None:
    """Read `Retry-After` in seconds (RFC 9110, section 10.2.3); its date form is passed over."""
    try:
        return min(max(float(answer.headers["retry-after"]), 0.0), _LONGEST_WAIT_S)
    except (KeyError, ValueError):
        return None
