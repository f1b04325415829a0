from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lumina_hub.cli.doctor.check import State
from lumina_hub.cli.doctor.parts import embedder, qdrant, redis
from lumina_hub.settings import Settings


@pytest.fixture
def nobody_there() -> Iterator[str]:
    """An address that nothing listens on for as long as the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_the_redis_that_would_be_started_is_named_with_its_version(tmp_path: Path) -> None:
    found = redis(Settings(home=tmp_path))

    assert found.state is State.OK
    version, path = found.finding.split(", ")
    assert version.count(".") == 2
    assert Path(path).is_file()


def test_a_named_redis_that_is_none_fails(tmp_path: Path) -> None:
    assert redis(Settings(home=tmp_path, redis_server=tmp_path / "nothing")).state is State.FAIL


def test_a_redis_of_yours_that_does_not_answer_fails_without_showing_its_password(
    tmp_path: Path, nobody_there: str
) -> None:
    found = redis(Settings.model_validate({"home": tmp_path, "redis_url": f"redis://:hidden@{nobody_there}/0"}))

    assert found.state is State.FAIL
    assert "hidden" not in found.finding


def test_qdrant_edge_is_named_with_its_version(tmp_path: Path) -> None:
    found = qdrant(Settings(home=tmp_path))

    assert found.state is State.OK
    assert found.finding.startswith("Qdrant Edge 0.")


def test_a_qdrant_of_yours_that_does_not_answer_fails(tmp_path: Path, nobody_there: str) -> None:
    assert qdrant(Settings(home=tmp_path, qdrant_url=f"http://{nobody_there}")).state is State.FAIL


def test_a_model_that_is_not_converted_yet_is_a_warning_and_stays_so(tmp_path: Path) -> None:
    found = embedder(Settings(home=tmp_path))

    assert (found.state, found.hint) == (State.WARN, "Convert them: lumina setup")
    assert not (tmp_path / "models").exists()


def test_a_model_that_is_cut_short_fails_or_is_mended(tmp_path: Path) -> None:
    model = tmp_path / "models" / "all-MiniLM-L6-v2"
    model.mkdir(parents=True)
    (model / "model.json").write_text("{")

    assert embedder(Settings(home=tmp_path)).state in {State.OK, State.FAIL}
