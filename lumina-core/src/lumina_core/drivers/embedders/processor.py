"""Which precision this processor computes faster."""

from __future__ import annotations

from typing import Literal

from lumina_core.drivers.embedders.conversion import ConvertedModel

__all__ = ["choose_precision"]


def choose_precision(model: ConvertedModel) -> Literal["fp32", "int8"]:
    return "int8"
