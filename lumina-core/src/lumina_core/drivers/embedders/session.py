"""Opening a converted model in ONNX Runtime."""

from __future__ import annotations

import onnxruntime as ort

from lumina_core.drivers.embedders.bert_config import Precision
from lumina_core.drivers.embedders.conversion import ConvertedModel
from lumina_core.errors import EmbedderDown

__all__ = ["open_session"]


def open_session(model: ConvertedModel, precision: Precision) -> ort.InferenceSession:
    """Open one precision of a model; `EmbedderDown` when ONNX Runtime refuses it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False  # as fast, and gives memory back
    # The graph is written as it should run; what lies above BASIC would bring SkipLayerNormalization back.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    try:
        return ort.InferenceSession(str(model.graph(precision)), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise EmbedderDown(
            f"the converted model {model.name!r} ({precision}) cannot be loaded: {error}",
            hint=f"Delete {str(model.directory)!r}; it is made again at the next start.",
        ) from error
