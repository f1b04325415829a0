"""BERT encoders as ONNX graphs, written node by node from their weights: no torch, no tracing.

Pooling and the unit norm are part of the graph, so what comes out of the session is the embedding. The fused operators
are those of ONNX Runtime's `com.microsoft` domain, every one of them with a CPU kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lumina_core.drivers.embedders.bert_config import BertConfig, Precision
from lumina_core.errors import InvalidInput

__all__ = ["build_graph", "rename_weights", "save_graph"]

Weights = Mapping[str, NDArray[np.float32]]

_MS: Final = "com.microsoft"
_OPSET: Final = 18
_IR_VERSION: Final = 9
_INLINE_BYTES: Final = 1024

_WEIGHT_LIMIT: Final = 63
"""Weights take 7 of their 8 bits: without VNNI the processor adds two u8·s8 products in 16 bits, and 2·255·63 fits."""

_GELU_ZERO: Final = 16
"""The zero point after GELU: 16 of 255 levels for what is below zero."""


def rename_weights(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """Bring tensors to float32 and to the names of a bare encoder (some files put `bert.` in front)."""
    return {
        name.removeprefix("bert."): np.asarray(value, dtype=np.float32)
        for name, value in tensors.items()
        if np.issubdtype(value.dtype, np.floating)
    }


def build_graph(weights: Weights, config: BertConfig, precision: Precision) -> onnx.ModelProto:
    """Write the encoder: `input_ids` `(batch, length)` int32 to `embedding` `(batch, dim)` float32, unit rows.

    There is no mask: all texts of a batch have the same number of tokens, so none is padded and none depends on its
    neighbours. With `int8`, weights are scaled column by column and activations row by row, each token by its own
    largest value: closer to float32 than the usual scale per tensor, which also would tie a text to its batch.

    Raises:
        InvalidInput: a tensor is missing.
    """
    try:
        return _Builder(weights, config, precision).build()
    except KeyError as error:
        raise InvalidInput(
            f"the weights lack the tensor {error.args[0]!r}", hint="Fetch the model folder again; it is not complete."
        ) from error


def save_graph(graph: onnx.ModelProto, path: Path) -> None:
    """Write the graph to `path` and its weights beside it, to `<stem>.data`, which ONNX Runtime maps into memory."""
    onnx.save_model(
        graph, str(path), save_as_external_data=True, location=f"{path.stem}.data", size_threshold=_INLINE_BYTES
    )


class _Builder:
    def __init__(self, weights: Weights, config: BertConfig, precision: Precision) -> None:
        self._weights = weights
        self._config = config
        self._precision = precision
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []

    def build(self) -> onnx.ModelProto:
        self._constant("last_axis", np.array([-1], np.int64))
        self._constant("token_axis", np.array([1], np.int64))
        states = self._embeddings()
        for layer in range(self._config.layers):
            states = self._layer(f"encoder.layer.{layer}", states)
        self._op("LpNormalization", [self._pool(states)], ["embedding"], axis=-1, p=2)
        graph = helper.make_graph(
            self._nodes,
            "bert",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["batch", "length"])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", self._config.dim])],
            self._initializers,
        )
        domains = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MS, 1)]
        return helper.make_model(graph, opset_imports=domains, ir_version=_IR_VERSION, producer_name="lumina")

    def _embeddings(self) -> str:
        # Every token is of type 0 here, so its row joins the positions.
        positions = (
            self._weights["embeddings.position_embeddings.weight"]
            + self._weights["embeddings.token_type_embeddings.weight"][0]
        )
        words = self._tensor("embeddings.word_embeddings.weight")
        inputs = [
            "input_ids",
            "",
            words,
            self._constant("positions", positions),
            "",
            *self._norm("embeddings.LayerNorm"),
        ]
        outputs = ["embedded", "lengths"]
        return self._op("EmbedLayerNormalization", inputs, outputs, domain=_MS, epsilon=self._config.epsilon)[0]

    def _layer(self, prefix: str, states: str) -> str:
        parts = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self._weights[f"{part}.weight"].T for part in parts], axis=1)
        bias = self._constant(f"{prefix}.qkv.bias", np.concatenate([self._weights[f"{part}.bias"] for part in parts]))
        joined = self._product(f"{prefix}.qkv", states, weight)
        thirds = self._op("Split", [joined], [f"{prefix}.{part}" for part in "qkv"], axis=-1, num_outputs=3)
        (attended,) = self._op("MultiHeadAttention", [*thirds, bias], domain=_MS, num_heads=self._config.heads)
        inner = self._product(f"{prefix}.attention.output.dense", attended)
        states = self._add_and_norm(f"{prefix}.attention.output", inner, states)
        wide = self._product(f"{prefix}.intermediate.dense", states)
        (wide,) = self._op("BiasGelu", [wide, self._tensor(f"{prefix}.intermediate.dense.bias")], domain=_MS)
        inner = self._product(f"{prefix}.output.dense", wide, after_gelu=True)
        return self._add_and_norm(f"{prefix}.output", inner, states)

    def _add_and_norm(self, prefix: str, inner: str, skip: str) -> str:
        # Not SkipLayerNormalization: its kernel takes three times as long as these three.
        (inner,) = self._op("Add", [inner, self._tensor(f"{prefix}.dense.bias")])
        (total,) = self._op("Add", [inner, skip])
        inputs = [total, *self._norm(f"{prefix}.LayerNorm")]
        return self._op("LayerNormalization", inputs, axis=-1, epsilon=self._config.epsilon)[0]

    def _product(
        self, name: str, states: str, weight: NDArray[np.float32] | None = None, *, after_gelu: bool = False
    ) -> str:
        """Multiply by the weight of that name, or by `weight`; the bias is left to the next operator."""
        if weight is None:
            weight = self._weights[f"{name}.weight"].T
        if self._precision == "fp32":
            return self._op("MatMul", [states, self._constant(f"{name}.weight", weight)])[0]
        steps = np.abs(weight).max(axis=0) / _WEIGHT_LIMIT
        steps[steps == 0] = 1.0
        rounded, peak, step, zero = self._quantised(name, states, after_gelu=after_gelu)
        levels = self._constant(f"{name}.levels", np.rint(weight / steps).astype(np.int8))
        inputs = [rounded, levels, step, self._constant(f"{name}.steps", steps.astype(np.float32)), zero]
        (product,) = self._op("MatMulIntegerToFloat", inputs, domain=_MS)
        return self._op("Mul", [product, peak])[0]

    def _quantised(self, name: str, states: str, *, after_gelu: bool) -> tuple[str, str, str, str]:
        """Round each row to 8 bits after dividing it by its peak; give levels, peaks, step and zero point.

        GELU falls no lower than -0.17, so after it nearly the whole range is left to what is above zero.
        """
        zero = _GELU_ZERO if after_gelu else 128
        step_name = self._constant(f"{name}.step", np.array(1 / (255 - zero), np.float32))
        zero_name = self._constant(f"{name}.zero", np.array(zero, np.uint8))
        magnitude = states if after_gelu else self._op("Abs", [states])[0]
        (peak,) = self._op("ReduceMax", [magnitude, "last_axis"], keepdims=1)
        floor = 0.17 * (255 - zero) / zero if after_gelu else 1e-6
        (peak,) = self._op("Max", [peak, self._constant(f"{name}.floor", np.array(floor, np.float32))])
        (inverse,) = self._op("Reciprocal", [peak])
        (scaled,) = self._op("Mul", [states, inverse])
        (rounded,) = self._op("QuantizeLinear", [scaled, step_name, zero_name])
        return rounded, peak, step_name, zero_name

    def _pool(self, states: str) -> str:
        if self._config.pooling == "cls":
            return self._op("Gather", [states, self._constant("first", np.array(0, np.int64))], axis=1)[0]
        return self._op("ReduceMean", [states, "token_axis"], keepdims=0)[0]

    def _norm(self, prefix: str) -> list[str]:
        return [self._tensor(f"{prefix}.weight"), self._tensor(f"{prefix}.bias")]

    def _tensor(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._initializers.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def _op(
        self, kind: str, inputs: list[str], outputs: list[str] | None = None, *, domain: str = "", **attributes: Any
    ) -> list[str]:
        name = f"{kind}_{len(self._nodes)}"
        outputs = outputs or [f"{name}.out"]
        self._nodes.append(helper.make_node(kind, inputs, outputs, name=name, domain=domain, **attributes))
        return outputs
