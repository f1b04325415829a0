from __future__ import annotations

from pathlib import Path

import pytest

from lumina_hub.problems import PROBLEM_TYPES
from lumina_hub.reference import main, pages
from lumina_hub.settings import Settings
from lumina_sdk.check import CODES
from lumina_sdk.contract import Scope

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_checked_in_page_is_fresh(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], "run `python -m lumina_hub.reference`"


@pytest.mark.parametrize("scope", sorted(Scope))
def test_every_scope_has_a_heading_in_the_reference(scope: Scope) -> None:
    assert f"\n### `{scope}`\n" in pages()["scopes.md"]


@pytest.mark.parametrize("name", sorted(code.name for code in CODES))
def test_every_check_has_a_heading_in_the_reference(name: str) -> None:
    assert f"\n## `{name}`\n" in pages()["module-checks.md"]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_has_a_heading_and_a_sentence(name: str) -> None:
    assert f"\n## `{name}`\n" in pages()["settings.md"]
    assert (Settings.model_fields[name].description or "").endswith((".", "…"))


@pytest.mark.parametrize("name", sorted(kind.name for kind in PROBLEM_TYPES))
def test_every_problem_has_a_heading_in_the_reference(name: str) -> None:
    assert f"\n## `{name}`\n" in pages()["problems.md"]


def test_the_check_fails_on_a_stale_page_and_passes_after_writing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", str(tmp_path)]) == 1
    assert "settings.md is stale" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
