"""Every rule, with the good module made wrong in one way, and the line that is to blame."""

from __future__ import annotations

import pytest

from lumina_sdk.check import CODES, check_module
from lumina_sdk.contract import ModuleFinding

# What else does not fit any more once the module has another name.
RENAMED = [("foreign-scope", 17), ("unknown-stream", 20), ("no-entry-point", None)]

# What is replaced, what with, then what is found: code and line, in the order reported. Only the manifest is looked at.
IN_THE_MANIFEST: list[tuple[str, str, list[tuple[str, int]]]] = [
    ("description: Sayings", "descripton: Sayings", [("missing-key", 1), ("unknown-key", 3)]),
    ("    method: GET", "    methods: GET", [("missing-key", 8), ("unknown-key", 9)]),
    ("version: 0.1.0", "version: 0.1.0\nversion: 0.1.0", [("repeated-key", 3)]),
    ("method: GET", "method: FETCH", [("bad-value", 9)]),
    ("description: Sayings for every day.", "description: ''", [("bad-value", 3)]),
    ("endpoints:\n  - path", "endpoints:\n  path", [("unreadable-manifest", 9)]),
    ("scopes: [read:almanac, read:graph]", "scopes: []", [("bad-value", 11)]),
    ("name: almanac", "name: Almanac!", [("bad-name", 1), ("name-is-not-the-folder", 1), *RENAMED]),
    ("name: almanac", "name: calendar", [("name-is-not-the-folder", 1), *RENAMED]),
    ("version: 0.1.0", "version: 1.0", [("bad-version", 2)]),
    ("version: 0.1.0", "version: one", [("bad-version", 2)]),
    ('"1.0"', '"7.0"', [("bad-api-version", 4)]),
    ('"1.0"', "1.0", [("bad-api-version", 4)]),
    ("lumina-core >= 0.1.0", "lumina-core => 0.1.0", [("bad-dependency", 6)]),
    ("lumina-core >= 0.1.0", "almanac >= 0.1.0", [("depends-on-itself", 6)]),
    ("  - lumina-core >= 0.1.0", "  - lumina-core\n  - lumina_core < 2", [("repeated-dependency", 7)]),
    ("read:almanac, read:graph", "read:almanac, graph", [("bad-scope", 11)]),
    ("read:almanac, read:graph", "read:almanac, read:grap", [("missing-permission", 11), ("unknown-scope", 11)]),
    ("  - read:graph", "  - read:graph\n  - read:calendar", [("unknown-scope", 14)]),
    ("read:almanac, read:graph", "read:almanac, chat", [("missing-permission", 11)]),
    ("  - read:graph", "  - read:graph\n  - admin:hub", [("broad-permission", 14)]),
    (
        "name: read:almanac",
        "name: read:calendar",
        [("missing-permission", 11), ("unknown-scope", 11), ("foreign-scope", 17)],
    ),
    ("path: /api/v1/almanac/{day}", "path: /almanac", [("bad-path", 8)]),
    ("path: /api/v1/almanac/{day}", "path: /api/v1/graph/{day}", [("reserved-path", 8)]),
    ("/api/v1/almanac/{day}", "/api/v1/weather/{day}", [("taken-path", 8)]),
    (
        "permissions:\n",
        "  - {path: '/api/v1/almanac/{other}', method: GET, description: A., scopes: [read:graph]}\npermissions:\n",
        [("declared-twice", 12)],
    ),
    (
        "endpoints:\n",
        "endpoints:\n"
        "  - {path: '/api/v1/almanac/{a}/b', method: GET, description: A., scopes: [read:graph]}\n"
        "  - {path: '/api/v1/almanac/a/{b}', method: GET, description: A., scopes: [read:graph]}\n",
        [("path-collision", 9)],
    ),
    ('["graph:add"]', '["Graph add"]', [("bad-stream", 21)]),
    ('["almanac:said"]', '["calendar:said"]', [("missing-event-permission", 20), ("unknown-stream", 20)]),
    ('["graph:add"]', '["gap:req"]', [("missing-event-permission", 21)]),
    ("every: 10m", "every: often", [("bad-schedule", 24)]),
    ("every: 10m", "cron: 0 25 * * *", [("bad-schedule", 24)]),
    ("every: 10m", "timeout_s: 1", [("bad-schedule", 23)]),
    ("language: {type: string}", "language: {type: text}", [("bad-config-schema", 28)]),
    ("  type: object\n", "", [("bad-config-schema", 25)]),
    ("language: {type: string}", "language: {$ref: 'https://a.example/b.json'}", [("remote-config-schema", 28)]),
    ("entrypoint: lumina_almanac.app:module", "", [("bad-entrypoint", 1)]),
    ("entrypoint: lumina", "url: https://a.example\nentrypoint: lumina", [("bad-entrypoint", 30)]),
    (
        "entrypoint: lumina_almanac.app:module",
        "entrypoint: lumina-almanac",
        [("bad-value", 29), ("no-entry-point", None)],
    ),
    ("entrypoint: lumina_almanac.app:module", "url: http://a.example", [("url-without-tls", 29)]),
    ("name: almanac", "name: *almanac", [("unreadable-manifest", 1)]),
]

# File, what is replaced, what with, then what is found: code, file and line. The module's code is imported.
IN_THE_CODE: list[tuple[str, str, str, list[tuple[str, str, int | None]]]] = [
    (
        "src/lumina_almanac/app.py",
        'GET", "/api/v1/almanac/{day}',
        'PUT", "/api/v1/almanac/{day}',
        [("endpoint-not-in-code", "manifest.yml", 8), ("endpoint-not-in-manifest", "src/lumina_almanac/app.py", 7)],
    ),
    (
        "src/lumina_almanac/app.py",
        '@module.on("graph:add")',
        '@module.on("gap:req")',
        [("handler-not-in-code", "manifest.yml", 21), ("handler-not-in-manifest", "src/lumina_almanac/app.py", 12)],
    ),
    (
        "src/lumina_almanac/app.py",
        "async def tidy()",
        "async def sweep()",
        [("handler-not-in-code", "manifest.yml", 23), ("handler-not-in-manifest", "src/lumina_almanac/app.py", 16)],
    ),
    ("src/lumina_almanac/app.py", "minutes=10", "minutes=20", [("schedule-differs", "manifest.yml", 23)]),
    (
        "src/lumina_almanac/app.py",
        "module = Module()",
        "module = Module(\n1 / 0)",
        [("entrypoint-does-not-import", "src/lumina_almanac/app.py", 5)],
    ),
    (
        "src/lumina_almanac/app.py",
        "module = Module()",
        "module = Module(",
        [("entrypoint-does-not-import", "src/lumina_almanac/app.py", 4)],
    ),
    (
        "src/lumina_almanac/app.py",
        "from lumina_sdk.app",
        "import not_there\nfrom lumina_sdk.app",
        [("entrypoint-does-not-import", "src/lumina_almanac/app.py", 1)],
    ),
    (
        "src/lumina_almanac/app.py",
        "module = Module()",
        "import os; os._exit(3)",
        [("entrypoint-does-not-import", "manifest.yml", 29)],
    ),
    (
        "src/lumina_almanac/app.py",
        "module = Module()",
        "module = Module(); raise SystemExit",
        [("entrypoint-does-not-import", "src/lumina_almanac/app.py", 4)],
    ),
    (
        "manifest.yml",
        "app:module",
        "app:tidy",
        [("entrypoint-does-not-import", "manifest.yml", 29), ("no-entry-point", "pyproject.toml", None)],
    ),
    (
        "manifest.yml",
        "app:module",
        "app:nothing",
        [("entrypoint-does-not-import", "manifest.yml", 29), ("no-entry-point", "pyproject.toml", None)],
    ),
    ("pyproject.toml", '"0.1.0"', '"0.2.0"', [("version-differs", "pyproject.toml", 3)]),
    ("pyproject.toml", "almanac = ", "calendar = ", [("no-entry-point", "pyproject.toml", None)]),
    ("pyproject.toml", "[project]", "[project", [("no-pyproject", "pyproject.toml", None)]),
]


def found(findings: tuple[ModuleFinding, ...]) -> list[tuple[str, int | None]]:
    return [(finding.code, finding.line) for finding in findings]


def test_a_module_that_is_right_has_no_findings(folder) -> None:
    assert check_module(folder()).findings == ()


@pytest.mark.parametrize(("old", "new", "expected"), IN_THE_MANIFEST)
def test_a_wrong_manifest_is_found_with_its_line(folder, old, new, expected) -> None:
    result = check_module(folder(old, new), import_code=False, taken={"/api/v1/weather/{place}": "module weather"})

    assert found(result.findings) == expected
    for finding in result.findings:
        assert finding.message.endswith((".", "!", "?"))
        assert finding.hint


@pytest.mark.parametrize(("file", "old", "new", "expected"), IN_THE_CODE)
def test_wrong_code_is_found_with_its_file_and_line(folder, file, old, new, expected) -> None:
    result = check_module(folder(old, new, file=file))

    assert [(finding.code, finding.path, finding.line) for finding in result.findings] == expected


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("manifest.yml", "unreadable-manifest"),
        ("pyproject.toml", "no-pyproject"),
        ("src/lumina_almanac/py.typed", "no-py-typed"),
        ("tests/test_app.py", "no-tests"),
    ],
)
def test_a_missing_file_is_found(folder, file, code) -> None:
    root = folder()
    (root / file).unlink()

    assert [finding.code for finding in check_module(root).findings] == [code]


def test_every_code_is_met_by_some_module_of_these_tests() -> None:
    met = {code for _, _, expected in IN_THE_MANIFEST for code, _ in expected}
    met |= {code for _, _, _, expected in IN_THE_CODE for code, _, _ in expected}
    met |= {"no-py-typed", "no-tests"}

    assert met == {code.name for code in CODES}


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_every_code_says_what_it_is(code) -> None:
    assert code.sentence.endswith(".")
