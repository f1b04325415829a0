"""Which precision this processor computes faster: measured once per model, remembered beside it."""

from __future__ import annotations

import json
import platform
import statistics
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort
import structlog

from lumina_core.drivers.embedders.bert_config import Precision
from lumina_core.drivers.embedders.conversion import ConvertedModel
from lumina_core.drivers.embedders.session import open_session

__all__ = ["choose_precision"]

log = structlog.get_logger()

_BYTE_PRODUCTS: Final = frozenset({"avx2", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp"})
"""Flags of processors on which ONNX Runtime multiplies bytes faster than floats."""

_ROUNDS: Final = 5
_SHAPE: Final = (2, 128)
_GAIN: Final = 1.1
"""int8 costs a little accuracy: it must be this much faster to be taken."""


def choose_precision(model: ConvertedModel, *, cpuinfo: Path = Path("/proc/cpuinfo")) -> Precision:
    """Say which precision to load.

    float32 where the processor has no instructions for products of bytes; otherwise both are timed (about a second) and
    the answer is kept in the model's folder until the processor or ONNX Runtime changes. There is no bfloat16: ONNX
    Runtime multiplies it on no x86 processor.
    """
    name, flags = _read_processor(cpuinfo)
    if not flags & _BYTE_PRODUCTS:
        return "fp32"
    note = model.directory / "choice.json"
    key = {"processor": name, "onnxruntime": ort.__version__}
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(note.read_text(encoding="utf-8"))
        if kept["key"] == key and kept["precision"] in ("fp32", "int8"):
            return "int8" if kept["precision"] == "int8" else "fp32"
    took_s = _measure(model)
    precision: Precision = "int8" if took_s["int8"] * _GAIN <= took_s["fp32"] else "fp32"
    log.info("embedding_precision_chosen", precision=precision, took_s=took_s)
    with suppress(OSError):  # a models folder that cannot be written is measured at each start
        temporary = note.with_suffix(".new")
        temporary.write_text(
            json.dumps({"key": key, "precision": precision, "took_s": took_s}) + "\n", encoding="utf-8"
        )
        temporary.rename(note)
    return precision


def _measure(model: ConvertedModel) -> dict[str, float]:

    ids = np.random.default_rng(0).integers(1000, 2000, _SHAPE).astype(np.int32)
    sessions = {precision: open_session(model, precision) for precision in ("fp32", "int8")}
    took: dict[str, list[float]] = {precision: [] for precision in sessions}
    for _ in range(_ROUNDS):  # turn and turn about: a busy moment hits both
        for precision, session in sessions.items():
            began = time.thread_time()
            session.run(["embedding"], {"input_ids": ids})
            took[precision].append(time.thread_time() - began)
    return {precision: statistics.median(seen) for precision, seen in took.items()}


def _read_processor(cpuinfo: Path) -> tuple[str, frozenset[str]]:
    """Read the model name and the flags of the first core."""
    fields: dict[str, str] = {}
    with suppress(OSError):
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip().lower(), value.strip())
    flags = fields.get("flags") or fields.get("features") or ""
    return fields.get("model name") or platform.machine(), frozenset(flags.split())
