"""The parts Lumina starts or calls: Redis, Qdrant and the embedder."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx

from lumina_core.errors import CoreError
from lumina_hub.cli.doctor.check import Check, fail, ok, warn
from lumina_hub.cli.output import readable_bytes
from lumina_hub.settings import Settings

__all__ = ["CHECKS", "embedder", "qdrant", "redis"]

_TIMEOUT_S = 5.0


def redis(settings: Settings) -> Check:
    if settings.redis_url is not None:
        return _redis_of_yours(settings.redis_url.get_secret_value())
    from lumina_core.drivers.redis_binary import find_redis

    try:
        found = find_redis(settings.redis_server)
    except CoreError as error:
        return fail("redis", error.message, error.hint or "")
    return ok("redis", f"{found.version_text}, {found.path}")


def _redis_of_yours(url: str) -> Check:
    from redis import Redis
    from redis.exceptions import RedisError

    hint = "Check LUMINA_REDIS_URL, or leave it empty to let Lumina start its own."
    try:
        client = Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
        with client:
            info: Any = client.info("server")
    except (RedisError, ValueError) as error:
        return fail("redis", f"the server of LUMINA_REDIS_URL does not answer: {error}", hint)
    return ok("redis", f"{info.get('redis_version')}, the server of LUMINA_REDIS_URL")


def qdrant(settings: Settings) -> Check:
    if settings.qdrant_url is not None:
        return _qdrant_of_yours(settings)
    try:
        importlib.import_module("qdrant_edge")
        found = version("qdrant-edge-py")
    except (ImportError, PackageNotFoundError) as error:
        return fail("qdrant", f"Qdrant Edge cannot be loaded: {error}", "Install it again: make clean setup")
    size = sum(path.stat().st_size for path in (settings.home / "index").rglob("*") if path.is_file())
    kept = f", {readable_bytes(size)} on disk" if size else ""
    return ok("qdrant", f"Qdrant Edge {found} with its write-ahead log on{kept}")


def _qdrant_of_yours(settings: Settings) -> Check:
    key = settings.qdrant_api_key
    headers = {"api-key": key.get_secret_value()} if key else {}
    hint = "Check LUMINA_QDRANT_URL and LUMINA_QDRANT_API_KEY, or leave them empty to use the built-in Qdrant Edge."
    try:
        response = httpx.get(str(settings.qdrant_url), headers=headers, timeout=_TIMEOUT_S)
        response.raise_for_status()
        found = response.json()["version"]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        return fail("qdrant", f"{settings.qdrant_url} does not answer as Qdrant does: {error}", hint)
    return ok("qdrant", f"Qdrant {found} at {settings.qdrant_url}")


def embedder(settings: Settings) -> Check:
    """Load the model as the hub would, unless that would first convert it."""
    if settings.embedder != "onnx":
        return ok("embedder", f"{settings.embedder}, {settings.embedder_url or 'in process'}")
    from lumina_core.drivers.embedders.conversion import packaged_model
    from lumina_core.drivers.embedders.loading import load_embedder
    from lumina_hub.foundations import embedder_options

    try:
        if not any(settings.models_dir.glob("*/model.json")):
            packaged_model()
            return warn("embedder", "the packaged weights are not converted yet", "Convert them: lumina setup")
        loaded = load_embedder("onnx", **embedder_options(settings))
        try:
            loaded.embed_query("doctor")
            info = loaded.info
        finally:
            loaded.close()
    except CoreError as error:
        return fail("embedder", error.message, error.hint or "Convert the weights again: lumina setup")
    return ok("embedder", f"{info.model} in {info.precision}, {settings.models_dir}")


CHECKS: tuple[Callable[[Settings], Check], ...] = (redis, qdrant, embedder)
