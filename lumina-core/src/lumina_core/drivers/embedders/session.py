"""Opening a converted model in ONNX Runtime."""

from __future__ import annotations

import onnxruntime as ort

from lumina_core.drivers.embedders.bert_config import Precision
from lumina_core.drivers.embedders.conversion import ConvertedModel
from lumina_core.errors import EmbedderDown

__all__ = ["open_session"]


_BLOCKS_PER_THREAD = 4


def open_session(model: ConvertedModel, precision: Precision, *, threads: int = 1) -> ort.InferenceSession:
    """Open one precision of a model; `EmbedderDown` when ONNX Runtime refuses it.

    With one thread, calls from several threads run side by side, which is best for many texts. With more, they share
    each call: sooner done, but for more processor time.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # A thread that is late takes fewer of the blocks, so one busy core does not hold up the others.
    options.add_session_config_entry("session.dynamic_block_base", str(_BLOCKS_PER_THREAD))
    # Threads wait for the next operator awake (there are a hundred, each of microseconds), but not for the next call.
    options.add_session_config_entry("session.force_spinning_stop", "1")
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
