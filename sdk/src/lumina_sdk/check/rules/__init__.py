"""The rules, one a file. Each finds everything it knows about; the order here is that of the reference."""

from __future__ import annotations

from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.check.rules import (
    config_schema,
    dependencies,
    endpoints,
    entrypoint,
    events,
    handlers,
    name,
    paths,
    project,
    schedule,
    scopes,
    unknown_key,
    values,
    version,
)

__all__ = ["CODES", "RULES", "UNREADABLE"]

UNREADABLE = Code("unreadable-manifest", "`manifest.yml` is not there, or is no YAML; nothing else can be looked at.")

RULES: tuple[Rule, ...] = (
    unknown_key.RULE,
    values.RULE,
    name.RULE,
    version.RULE,
    dependencies.RULE,
    scopes.RULE,
    paths.RULE,
    events.RULE,
    schedule.RULE,
    config_schema.RULE,
    entrypoint.RULE,
    endpoints.RULE,
    handlers.RULE,
    project.RULE,
)

CODES: tuple[Code, ...] = (UNREADABLE, *(code for rule in RULES for code in rule.codes))
"""Everything the checker can find, each once."""
