"""A module's settings, checked against the schema in its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from pydantic import JsonValue

from lumina_hub.errors import InvalidModuleConfig
from lumina_sdk.contract.manifest import Manifest

__all__ = ["check_config", "kept_secrets", "shown"]


def check_config(manifest: Manifest, values: Mapping[str, JsonValue]) -> None:
    """Raises `InvalidModuleConfig` with everything that is wrong."""
    schema: dict[str, Any] = {"type": "object", **manifest.config_schema}
    if not manifest.config_schema:
        schema["additionalProperties"] = False
    errors = sorted(
        Draft202012Validator(schema).iter_errors(dict(values)), key=lambda error: list(map(str, error.path))
    )
    if errors:
        raise InvalidModuleConfig(
            manifest.name, [(".".join(map(str, error.absolute_path)), error.message) for error in errors]
        )


def shown(manifest: Manifest, values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The settings as people may see them: those that are secret (`"writeOnly": true`) as None."""
    secret = _secrets(manifest)
    return {name: None if name in secret else value for name, value in values.items()}


def kept_secrets(
    manifest: Manifest, values: Mapping[str, JsonValue], before: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """`values`, with the secrets that are given as None as they were before."""
    secret = _secrets(manifest)
    kept = {name: before[name] for name, value in values.items() if name in secret & before.keys() and value is None}
    return {**values, **kept}


def _secrets(manifest: Manifest) -> set[str]:
    properties = manifest.config_schema.get("properties")
    if not isinstance(properties, dict):
        return set()
    return {name for name, schema in properties.items() if isinstance(schema, dict) and schema.get("writeOnly") is True}
