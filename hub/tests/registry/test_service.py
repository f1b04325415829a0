"""What people decide, and what becomes of it."""

from __future__ import annotations

import json

import pytest

from lumina_core.errors import Conflict, InvalidInput, NotFound
from lumina_hub.errors import (
    DidNotStart,
    InvalidModule,
    InvalidModuleConfig,
    MissingScope,
    NotForModules,
    WaitsForGrants,
)

SETTINGS = {
    "type": "object",
    "properties": {"limit": {"type": "integer", "minimum": 1}, "key": {"type": "string", "writeOnly": True}},
    "additionalProperties": False,
}


@pytest.fixture
def owner(principals):
    return principals["owner"]


@pytest.fixture
def put(desk, module):
    """Put a module where the hub finds it."""

    def write(slug, version="0.1.0", **more):
        return module(slug, version, into=desk.folders, **more)

    return write


async def test_a_module_without_wishes_can_be_enabled_at_once(desk, put, owner):
    put("almanac")
    assert await desk.state("almanac") == ("granted", "it was never enabled")

    detail = await desk.registry.enable("almanac", grant_all=False, by=owner)

    assert detail.state == "active"
    assert desk.switchboard.paths == ["/api/v1/almanac"]
    assert desk.audit.events == ["module_enabled module:almanac by owner"]


async def test_a_module_with_wishes_waits_until_they_are_decided_on(desk, put, owner):
    put("almanac", permissions=["read:graph", "use:llm"])
    assert (await desk.state("almanac"))[0] == "validated"

    with pytest.raises(WaitsForGrants) as refused:
        await desk.registry.enable("almanac", grant_all=False, by=owner)

    assert refused.value.undecided == ("read:graph", "use:llm")
    assert (await desk.state("almanac"))[0] == "validated"
    assert desk.switchboard.paths == []


async def test_what_is_granted_in_part_is_all_the_module_may_do(desk, put, owner):
    put("almanac", permissions=["read:graph", "use:network"])

    await desk.changes.grant("almanac", ("read:graph",), None, by=owner)
    detail = await desk.registry.enable("almanac", grant_all=False, by=owner)

    assert detail.missing_scopes == ("use:network",)
    assert list(desk.supervisor.specs["almanac"].scopes) == ["read:almanac", "read:graph"]
    assert desk.supervisor.specs["almanac"].network is False


async def test_granting_all_names_every_scope_in_the_audit_log(desk, put, owner):
    put("almanac", permissions=["read:graph"])

    await desk.registry.enable("almanac", grant_all=True, by=owner)

    assert desk.audit.events[0] == "granted module:almanac by owner"
    assert desk.registry.record("almanac").grants[0].scopes == ("read:graph",)


async def test_nobody_grants_what_they_may_not_do_themselves(desk, put, principals):
    put("almanac", permissions=["read:graph", "use:llm"])

    with pytest.raises(MissingScope) as refused:
        await desk.registry.enable("almanac", grant_all=True, by=principals["admin"])

    assert refused.value.missing == ("use:llm",)
    assert desk.registry.record("almanac").grants == ()


async def test_a_module_decides_nothing_whatever_its_scopes(desk, put, principals):
    put("almanac")
    sly = principals["module"]

    for change in (
        desk.registry.enable("almanac", grant_all=True, by=sly),
        desk.registry.disable("almanac", by=sly),
        desk.registry.restart("almanac", grant_all=True, by=sly),
        desk.registry.put_config("almanac", {}, by=sly),
        desk.changes.grant("almanac", (), None, by=sly),
        desk.changes.install("/somewhere", in_place=False, by=sly, report=print),
        desk.changes.upgrade("almanac", None, grant_all=False, by=sly, report=print),
        desk.changes.remove("almanac", with_data=False, by=sly),
    ):
        with pytest.raises(NotForModules):
            await change


async def test_a_scope_the_module_does_not_ask_for_is_not_granted(desk, put, owner):
    put("almanac", permissions=["read:graph"])

    with pytest.raises(InvalidInput, match="does not ask for use:llm"):
        await desk.changes.grant("almanac", ("use:llm",), None, by=owner)


async def test_a_grant_for_another_version_is_refused(desk, put, owner):
    put("almanac", permissions=["read:graph"])

    with pytest.raises(Conflict, match=r"has the version 0\.1\.0, not 0\.2\.0"):
        await desk.changes.grant("almanac", ("read:graph",), "0.2.0", by=owner)


async def test_withdrawing_a_grant_ends_the_modules_tokens_and_starts_it_with_less(desk, put, owner):
    put("almanac", permissions=["read:graph"])
    await desk.registry.enable("almanac", grant_all=True, by=owner)

    await desk.changes.grant("almanac", (), None, by=owner)

    assert desk.tokens.ended == ["almanac"]
    assert list(desk.supervisor.specs["almanac"].scopes) == ["read:almanac"]
    assert "grant_withdrawn module:almanac by owner" in desk.audit.events


async def test_a_manifest_that_is_not_as_it_should_be_is_named(desk, put, owner):
    put("almanac", permissions=["read:grph"])

    state, reason = await desk.state("almanac")
    with pytest.raises(InvalidModule):
        await desk.registry.enable("almanac", grant_all=True, by=owner)

    assert state == "invalid"
    assert "read:grph" in reason


async def test_what_a_module_needs_must_be_on(desk, put, owner):
    put("almanac", dependencies=["calendar >= 0.1.0"])
    put("calendar")

    with pytest.raises(Conflict, match="needs 'calendar', which is not on"):
        await desk.registry.enable("almanac", grant_all=False, by=owner)
    await desk.registry.enable("calendar", grant_all=False, by=owner)
    await desk.registry.enable("almanac", grant_all=False, by=owner)
    with pytest.raises(Conflict, match="the module 'almanac' is on and needs 'calendar'"):
        await desk.registry.disable("calendar", by=owner)

    assert desk.switchboard.paths == ["/api/v1/calendar", "/api/v1/almanac"]


async def test_a_module_whose_needs_are_not_there_is_invalid(desk, put, owner):
    put("almanac", dependencies=["calendar >= 9"])
    put("calendar")

    assert await desk.state("almanac") == ("invalid", "it needs calendar >=9, and 0.1.0 is there")
    with pytest.raises(Conflict, match="it needs calendar >=9"):
        await desk.registry.enable("almanac", grant_all=False, by=owner)


async def test_the_paths_of_the_core_and_of_other_modules_are_taken(desk, put, owner):
    path = {"method": "GET", "description": "Tell.", "scopes": ["read:graph"]}
    put("thief", permissions=["read:graph"], endpoints=[{"path": "/api/v1/search", **path}])
    put("almanac")
    put("copycat", permissions=["read:graph"], endpoints=[{"path": "/api/v1/almanac", **path}])
    await desk.registry.enable("almanac", grant_all=False, by=owner)

    assert (await desk.state("thief"))[0] == "invalid"
    with pytest.raises((Conflict, InvalidModule), match="almanac"):
        await desk.registry.enable("copycat", grant_all=True, by=owner)
    assert desk.switchboard.paths == ["/api/v1/almanac"]


async def test_a_module_that_does_not_become_ready_is_off_again(desk, put, owner):
    put("almanac")
    desk.supervisor.unwell["almanac", "0.1.0"] = "it ended with status 1"

    with pytest.raises(DidNotStart, match="it ended with status 1"):
        await desk.registry.enable("almanac", grant_all=False, by=owner)

    assert (await desk.state("almanac"))[0] == "granted"
    assert desk.supervisor.specs == {}
    assert desk.switchboard.paths == []


async def test_disabling_takes_the_endpoints_away_and_ends_tokens(desk, put, owner):
    put("almanac")
    await desk.registry.enable("almanac", grant_all=False, by=owner)

    detail = await desk.registry.disable("almanac", by=owner)

    assert (detail.state, detail.reason) == ("disabled", "it is switched off")
    assert desk.switchboard.paths == []
    assert desk.supervisor.specs == {}
    assert desk.tokens.ended == ["almanac"]


async def test_a_module_that_ails_is_degraded_and_keeps_its_endpoints(desk, put, owner):
    put("almanac")
    await desk.registry.enable("almanac", grant_all=False, by=owner)

    desk.supervisor.unwell["almanac", "0.1.0"] = "it ended with status 1"

    assert await desk.state("almanac") == ("degraded", "it is started again in a moment: it ended with status 1")
    assert desk.switchboard.paths == ["/api/v1/almanac"]


async def test_what_was_on_is_on_again_after_a_restart_in_order(desk, put, owner, another_desk):
    put("almanac", permissions=["read:graph"], dependencies=["calendar"])
    put("calendar")
    put("idle")
    for slug in ("calendar", "almanac", "idle"):
        await desk.registry.enable(slug, grant_all=True, by=owner)
    await desk.registry.disable("idle", by=owner)

    await another_desk.opens()

    assert another_desk.supervisor.started == ["calendar", "almanac"]
    assert list(another_desk.supervisor.specs["almanac"].scopes) == ["read:almanac", "read:graph"]
    assert (await another_desk.state("idle"))[0] == "disabled"


async def test_before_the_hub_listens_decisions_are_kept_and_nothing_is_started(another_desk, module, owner):
    module("almanac", into=another_desk.folders)
    await another_desk.registry.open()

    detail = await another_desk.registry.enable("almanac", grant_all=False, by=owner)

    assert (detail.state, detail.reason) == ("degraded", "it starts with the hub")
    assert another_desk.supervisor.started == []


async def test_a_folders_new_version_that_asks_for_more_waits_after_a_restart(desk, put, owner, another_desk):
    put("almanac", permissions=["read:graph"])
    await desk.registry.enable("almanac", grant_all=True, by=owner)
    put("almanac", "0.2.0", permissions=["read:graph", "use:llm"])
    with pytest.raises(WaitsForGrants):
        await desk.registry.restart("almanac", grant_all=False, by=owner)

    await another_desk.opens()
    waiting = await another_desk.state("almanac")
    await another_desk.changes.grant("almanac", ("read:graph", "use:llm"), "0.2.0", by=owner)

    assert waiting == ("waiting_for_grants", "nobody decided yet whether it may use:llm")
    assert (await another_desk.state("almanac"))[0] == "active"


async def test_a_restart_reads_the_manifest_anew(desk, put, owner):
    put("almanac")
    await desk.registry.enable("almanac", grant_all=False, by=owner)
    put("almanac", "0.2.0", endpoints=[])
    assert (await desk.registry.detail("almanac")).version == "0.1.0"

    detail = await desk.registry.restart("almanac", grant_all=False, by=owner)

    assert detail.version == "0.2.0"
    assert desk.switchboard.paths == []


async def test_settings_follow_the_schema_or_stay_as_they_were(desk, put, owner):
    put("almanac", config_schema=SETTINGS)
    await desk.registry.enable("almanac", grant_all=False, by=owner)

    await desk.registry.put_config("almanac", {"limit": 5, "key": "secret"}, by=owner)
    with pytest.raises(InvalidModuleConfig) as refused:
        await desk.registry.put_config("almanac", {"limit": 0, "other": 1}, by=owner)

    assert sorted(where for where, _ in refused.value.findings) == ["", "limit"]
    assert desk.supervisor.specs["almanac"].config == {"limit": 5, "key": "secret"}


async def test_a_secret_is_kept_and_never_shown(desk, put, owner):
    put("almanac", config_schema=SETTINGS)
    await desk.registry.put_config("almanac", {"limit": 5, "key": "secret"}, by=owner)
    shown = await desk.registry.config("almanac")

    await desk.registry.put_config("almanac", {**shown.values, "limit": 6}, by=owner)

    assert "secret" not in json.dumps(shown.model_dump(mode="json"))
    assert desk.registry.record("almanac").config == {"limit": 6, "key": "secret"}


async def test_a_module_nobody_knows_is_not_found(desk, owner):
    with pytest.raises(NotFound, match="there is no module 'almanac'"):
        await desk.registry.enable("almanac", grant_all=False, by=owner)


async def test_a_folder_cannot_be_removed_from_here(desk, put, owner):
    put("almanac")

    with pytest.raises(Conflict, match="was not installed"):
        await desk.changes.remove("almanac", with_data=False, by=owner)


async def test_a_folder_elsewhere_is_run_in_place_until_it_is_removed(desk, module, owner):
    folder = module("almanac")
    await desk.changes.install(str(folder), in_place=True, by=owner, report=print)
    await desk.registry.enable("almanac", grant_all=True, by=owner)

    assert desk.supervisor.specs["almanac"].command[-1] == str(folder / "src")
    await desk.changes.remove("almanac", with_data=False, by=owner)

    assert desk.supervisor.specs == {}
    with pytest.raises(NotFound):
        await desk.registry.detail("almanac")


async def test_a_record_that_cannot_be_read_takes_no_other_with_it(desk, put, owner, redis, another_desk):
    put("almanac")
    await desk.registry.enable("almanac", grant_all=False, by=owner)
    await redis.hset("lumina:modules", "broken", "{")

    await another_desk.opens()

    assert another_desk.supervisor.started == ["almanac"]
