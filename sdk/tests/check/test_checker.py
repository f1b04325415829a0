from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from lumina_sdk.check import check_module
from lumina_sdk.contract import Manifest, ModuleFindings, Severity, manifest_schema

MANIFEST = """\
name: almanac
version: 0.1.0
description: Sayings for every day.
api_version: "1.0"
endpoints:
  - {path: /api/v1/almanac, method: GET, description: Say something., scopes: [read:graph]}
permissions: [read:graph]
entrypoint: lumina_almanac.app:module
"""


def test_everything_is_found_at_once(folder) -> None:
    root = folder("name: almanac\nversion: 0.1.0", "name: Almanac\nversion: 1")
    text = (root / "manifest.yml").read_text()
    text = text.replace("method: GET", "methd: GET").replace("10m", "now").replace("read:graph]", "graph]")
    (root / "manifest.yml").write_text(text + "colour: blue\n")
    (root / "tests/test_app.py").unlink()

    codes = {finding.code for finding in check_module(root, import_code=False).findings}

    assert codes == {
        "bad-name",
        "name-is-not-the-folder",
        "bad-version",
        "unknown-key",
        "missing-key",
        "bad-scope",
        "bad-schedule",
        "foreign-scope",
        "unknown-stream",
        "no-entry-point",
        "no-tests",
    }


def test_errors_come_first_and_then_by_place(folder) -> None:
    root = folder("  - read:graph\n", "  - read:graph\n  - admin:hub\n  - read:nothing\n")

    findings = check_module(root, import_code=False).findings

    assert [(finding.severity, finding.line) for finding in findings] == [(Severity.ERROR, 15), (Severity.WARNING, 14)]


def test_a_warning_alone_lets_the_module_run(folder) -> None:
    result = check_module(folder("  - read:graph\n", "  - read:graph\n  - admin:hub\n"), import_code=False)

    assert result.findings
    assert result.ok


def test_findings_travel_as_json(folder) -> None:
    result = check_module(folder("version: 0.1.0", "version: 1"), import_code=False)

    assert ModuleFindings.model_validate_json(result.model_dump_json()) == result


def test_a_misspelt_key_is_told_what_it_might_be(folder) -> None:
    missing, unknown = check_module(folder("api_version", "api_verison"), import_code=False).findings

    assert "'api_version'" in unknown.hint
    assert "'api_version'" in missing.message


def test_code_is_not_run_unless_asked_for(folder, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    root = folder(
        "module = Module()", f"module = Module(); open({str(trace)!r}, 'w')", file="src/lumina_almanac/app.py"
    )

    check_module(root, import_code=False)
    assert not trace.exists()
    check_module(root)
    assert trace.exists()


def test_a_module_that_hangs_at_import_is_ended_with_what_it_started(folder, tmp_path: Path) -> None:
    # Stands for an interpreter in which the module hangs, and takes no time to start.
    python, pid = tmp_path / "python", tmp_path / "pid"
    python.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {pid}\nwait\n")
    python.chmod(0o700)

    (finding,) = check_module(folder(), python=str(python), timeout_s=5).findings

    assert "took longer than 5 s" in finding.message
    assert not _is_alive(int(pid.read_text()))


def test_a_module_neither_sees_the_environment_nor_speaks_in_the_checkers_name(folder, monkeypatch, capfd) -> None:
    monkeypatch.setenv("LUMINA_SECRET", "x")
    code = "import os, sys; print('hello'); print('hello', file=sys.stderr); assert 'LUMINA_SECRET' not in os.environ\n"
    root = folder("from lumina_sdk.app", code + "from lumina_sdk.app", file="src/lumina_almanac/app.py")

    assert check_module(root).findings == ()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no keys"),
        ("- a\n", "holds no keys"),
        ("a: b: c\n", "is no YAML"),
        ("a: [1\n", "is no YAML"),
        ("a: !!python/object:os.system x\n", "is no YAML"),
        ("a: &x [1]\nb: *x\n", "has an alias"),
        ("a: " + "[" * 40 + "]" * 40, "nested"),
        ("a: " + "[" * 5000, "no YAML"),
        ("a: 2020-99-99\n", "is no YAML"),
        ("#" * 300_000, "larger than"),
        ("a: \x00\n", "is no YAML"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_a_finding(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "manifest.yml").write_text(text)

    (finding,) = check_module(tmp_path).findings

    assert finding.code == "unreadable-manifest"
    assert says in finding.message


def test_a_manifest_in_another_encoding_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_bytes("name: é".encode("latin-1"))

    assert "UTF-8" in check_module(tmp_path).findings[0].message


@pytest.mark.parametrize(
    "text",
    [
        "name: [a]\nendpoints: {a: b}\npermissions: read:graph\nevents: []\nschedule: 1\nconfig_schema: x\nlimits: a\n",
        "1: 2\ntrue: false\n[a, b]: c\nname: 2020-01-01\nversion: 1e5\nendpoints: [1, null, [], {}]\nscopes: [null]\n",
        "name: null\nversion: null\nevents: {publishes: {}, subscribes: [1, null]}\ndependencies: [1]\n",
    ],
)
def test_values_of_any_kind_are_findings_and_never_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.yml").write_text(text)

    assert not check_module(tmp_path).ok


def _is_alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*Manifest.model_fields, "x-own", "nonsense"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_no_manifest_makes_the_checker_raise(tmp_path: Path, changes: dict[str, object]) -> None:
    manifest = yaml.safe_load(MANIFEST) | changes
    (tmp_path / "manifest.yml").write_text(yaml.safe_dump(manifest, allow_unicode=True), encoding="utf-8")

    result = check_module(tmp_path, import_code=False)

    assert all(finding.line is None or finding.line >= 1 for finding in result.findings)
    try:
        Manifest.model_validate(manifest)
    except ValidationError:
        assert not result.ok


def test_the_published_schema_and_the_models_agree() -> None:
    validator = Draft202012Validator(manifest_schema())
    manifest = yaml.safe_load(MANIFEST)

    assert validator.is_valid(manifest | {"x-own": 1, "$schema": "a"})
    for wrong in ({"colour": 1}, {"version": "1"}, {"endpoints": [{}]}, {"url": "https://a.example"}, {"name": "A"}):
        assert not validator.is_valid(manifest | wrong), wrong
