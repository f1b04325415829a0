"""Modules as the wire shows them."""

from __future__ import annotations

from lumina_hub.registry.grants import decide, undecided_of
from lumina_hub.registry.known import Known, Shelf
from lumina_hub.registry.records import ModuleRecord
from lumina_hub.registry.running import Runner
from lumina_hub.registry.states import Facts, state_of, why
from lumina_sdk.contract import ModuleDetail, ModuleOrigin, ModuleSummary

__all__ = ["detail_of", "summary_of"]


def summary_of(known: Known, record: ModuleRecord, runner: Runner, *, serves: bool) -> ModuleSummary:
    """A module as lists show it. `serves` says whether the hub runs modules now."""
    manifest = known.manifest
    decision = decide(manifest, record.grants) if manifest is not None else None
    ailment = ""
    if record.switched:
        ailment = runner.ailment(known.found.slug) if serves else "it starts with the hub"
    facts = Facts(known.faults, decision.undecided if decision is not None else (), record.switched, ailment)
    return ModuleSummary(
        name=known.found.slug,
        version=manifest.version if manifest is not None else "",
        description=manifest.description if manifest is not None else "",
        state=state_of(facts),
        origin=known.found.origin,
        reason=why(facts),
        endpoints=len(manifest.endpoints) if manifest is not None else 0,
        missing_scopes=decision.withheld if decision is not None else (),
    )


def detail_of(known: Known, record: ModuleRecord, runner: Runner, shelf: Shelf, *, serves: bool) -> ModuleDetail:
    """A module, whole."""
    manifest, slug = known.manifest, known.found.slug
    grant = decide(manifest, record.grants).grant if manifest is not None else None
    location = str(known.found.manifest.parent) if known.found.manifest is not None else ""
    if known.found.origin is ModuleOrigin.URL and manifest is not None:
        location = manifest.url or ""
    return ModuleDetail(
        **summary_of(known, record, runner, serves=serves).model_dump(),
        manifest=manifest,
        granted=grant.out() if grant is not None else None,
        findings=known.examined.findings if known.examined is not None else (),
        process=runner.process(slug),
        health=runner.health(slug),
        location=location,
        available_version=record.waiting.version if record.waiting is not None else None,
        available_asks=undecided_of(record.waiting.asks, record.grants) if record.waiting is not None else (),
        depends_on=shelf.needs(slug),
        needed_by=shelf.needed_by(slug),
    )
