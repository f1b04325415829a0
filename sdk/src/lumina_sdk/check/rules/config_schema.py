"""The JSON Schema of the module's settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from lumina_sdk.check.document import Place
from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding

__all__ = ["RULE"]

BAD = Code("bad-config-schema", "`config_schema` is not JSON Schema (2020-12), or not of an object.")
REMOTE = Code("remote-config-schema", "`config_schema` refers to a schema outside the manifest.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    schema = module.document.at("config_schema")
    if not isinstance(schema, dict) or not schema:
        return
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    wrong = False
    for error in meta.iter_errors(schema):
        wrong = True
        yield module.finding(
            BAD,
            ("config_schema", *error.absolute_path),
            f"config_schema is no JSON Schema: {error.message}",
            "Write JSON Schema, draft 2020-12: type: object, properties: {…}.",
        )
    if not wrong and schema.get("type") != "object":
        yield module.finding(
            BAD, ("config_schema",), "config_schema does not describe an object", "Write type: object in it."
        )
    for place, target in _references(schema, ("config_schema",)):
        if not target.startswith("#"):
            yield module.finding(
                REMOTE,
                place,
                f"config_schema refers to {target!r}",
                "Put the schema into $defs and refer to '#/$defs/…'.",
            )


def _references(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(inner, str):
                yield (*place, key), inner
            yield from _references(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, (*place, index))


RULE = Rule((BAD, REMOTE), check)
