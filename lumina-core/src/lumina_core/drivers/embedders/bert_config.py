"""What a folder in the sentence-transformers layout says about its BERT encoder, beside the weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lumina_core.errors import InvalidInput

__all__ = ["BertConfig", "Pooling", "Precision", "read_config"]

Pooling = Literal["mean", "cls"]
Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True)
class BertConfig:
    """What the graph depends on besides the weights. `max_tokens` counts `[CLS]` and `[SEP]`."""

    dim: int
    layers: int
    heads: int
    epsilon: float
    max_tokens: int
    pooling: Pooling
    query_prefix: str = ""
    document_prefix: str = ""


def read_config(directory: Path) -> BertConfig:
    """Read a sentence-transformers folder: `config.json`, `1_Pooling/`, `sentence_bert_config.json`, the prompts.

    Raises:
        InvalidInput: it is no BERT model, or it pools or activates in a way the converter does not write.
    """
    config = _read_json(directory / "config.json", required=True)
    if config.get("model_type") != "bert":
        raise InvalidInput(
            f"{directory.name!r} holds a {config.get('model_type')!r} model; only BERT encoders can be converted",
            hint="Use a BERT-type model such as bge-small-en-v1.5, or the sentence-transformers driver.",
        )
    for key, known in (("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if config.get(key, known) != known:
            raise InvalidInput(
                f"{directory.name!r} has {key} {config[key]!r}, which the converter does not write",
                hint="Use the sentence-transformers driver for this model.",
            )
    prompts = _read_json(directory / "config_sentence_transformers.json").get("prompts") or {}
    sentence = _read_json(directory / "sentence_bert_config.json")
    positions = int(config["max_position_embeddings"])
    return BertConfig(
        dim=int(config["hidden_size"]),
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        max_tokens=min(int(sentence.get("max_seq_length") or positions), positions),
        pooling=_pooling(directory),
        query_prefix=str(prompts.get("query") or ""),
        document_prefix=str(prompts.get("document") or prompts.get("passage") or ""),
    )


def _pooling(directory: Path) -> Pooling:
    asked = _read_json(directory / "1_Pooling" / "config.json")
    modes = {key for key, value in asked.items() if key.startswith("pooling_mode_") and value}
    if not modes or modes == {"pooling_mode_mean_tokens"}:
        return "mean"
    if modes == {"pooling_mode_cls_token"}:
        return "cls"
    raise InvalidInput(
        f"{directory.name!r} pools by {sorted(modes)}, which the converter does not write",
        hint="Use the sentence-transformers driver for this model.",
    )


def _read_json(path: Path, *, required: bool = False) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not required:
            return {}
        raise InvalidInput(
            f"{path.parent.name!r} has no {path.name}", hint="Point at a folder in the sentence-transformers layout."
        ) from None
    except ValueError as error:
        raise InvalidInput(f"{path.name} is not JSON: {error}", hint="Fetch the model folder again.") from error
    return found if isinstance(found, dict) else {}
