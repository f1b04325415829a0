from __future__ import annotations

import json
from pathlib import Path

import pytest

from lumina_core.drivers.embedders import processor
from lumina_core.drivers.embedders.conversion import ensure_model
from lumina_core.drivers.embedders.processor import choose_precision


@pytest.fixture
def cpuinfo(tmp_path: Path) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text("model name\t: A Processor\nflags\t\t: fpu sse avx2\n")
    return path


def test_a_processor_without_byte_products_computes_in_float32(models_dir: Path, tmp_path: Path) -> None:
    plain = tmp_path / "cpuinfo"
    plain.write_text("flags\t: fpu sse sse2\n")

    assert choose_precision(ensure_model(models_dir), cpuinfo=plain) == "fp32"


@pytest.mark.parametrize(("fp32_s", "int8_s", "chosen"), [(1.0, 0.5, "int8"), (1.0, 0.99, "fp32"), (1.0, 2.0, "fp32")])
def test_int8_is_taken_where_it_is_clearly_faster_and_the_choice_is_kept(
    models_dir: Path, cpuinfo: Path, monkeypatch: pytest.MonkeyPatch, fp32_s: float, int8_s: float, chosen: str
) -> None:
    model = ensure_model(models_dir)
    (model.directory / "choice.json").unlink(missing_ok=True)
    measured: list[object] = []

    def measure(model: object) -> dict[str, float]:
        measured.append(model)
        return {"fp32": fp32_s, "int8": int8_s}

    monkeypatch.setattr(processor, "_measure", measure)

    assert choose_precision(model, cpuinfo=cpuinfo) == chosen
    assert choose_precision(model, cpuinfo=cpuinfo) == chosen
    assert len(measured) == 1


def test_another_processor_is_measured_anew(models_dir: Path, cpuinfo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ensure_model(models_dir)
    note = model.directory / "choice.json"
    note.write_text(json.dumps({"key": {"processor": "Another", "onnxruntime": "0"}, "precision": "fp32"}))
    monkeypatch.setattr(processor, "_measure", lambda model: {"fp32": 2.0, "int8": 1.0})

    assert choose_precision(model, cpuinfo=cpuinfo) == "int8"
    assert json.loads(note.read_text())["key"]["processor"] == "A Processor"


def test_the_measurement_times_both_precisions(models_dir: Path) -> None:
    took_s = processor._measure(ensure_model(models_dir))

    assert set(took_s) == {"fp32", "int8"}
    assert min(took_s.values()) > 0
