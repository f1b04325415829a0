from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lumina_core.errors import InvalidInput
from lumina_core.evaluation.reliability_plot import draw_reliability

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("count", [1, 50])
def test_the_diagram_is_a_png_whatever_the_file_is_called(tmp_path: Path, count: int) -> None:
    pytest.importorskip("matplotlib", reason="drawing is an extra: pip install 'lumina-core[eval]'")
    path = tmp_path / "diagram.out"

    draw_reliability([n / count for n in range(count)], [n % 2 == 0 for n in range(count)], path)

    assert path.read_bytes().startswith(PNG)


def test_without_matplotlib_the_reader_learns_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(InvalidInput) as refused:
        draw_reliability([0.5], [True], tmp_path / "diagram.png")

    assert "pip install" in (refused.value.hint or "")
    assert not (tmp_path / "diagram.png").exists()
