from __future__ import annotations

from pathlib import Path

import pytest

from lumina_hub.errors import InvalidSettings
from lumina_hub.settings import Settings, Source, ValueSource, is_loopback, seed_names
from lumina_hub.settings_sources import load_settings


def write_file(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "lumina.yml").write_text(text, encoding="utf-8")


def test_the_defaults_are_those_of_the_design(home: Path) -> None:
    settings = load_settings({}, {"HOME": str(home)})

    assert (settings.host, settings.port, settings.home) == ("127.0.0.1", 8000, Path("~/.lumina").expanduser())
    assert (settings.recall_top_k, settings.recall_max_days, settings.history_turns) == (3, 14, 4)
    assert (settings.pad_ttl, settings.gap_threshold) == (300, 0.40)


def test_a_flag_wins_over_the_environment_and_that_over_the_file_and_that_over_the_default(home: Path) -> None:
    write_file(home, "port: 1001\nhistory_turns: 7\nrecall_top_k: 9\n")
    environ = {"LUMINA_PORT": "1002", "LUMINA_RECALL_TOP_K": "8", "LUMINA_HOME": str(home)}

    settings = load_settings({"port": 1003, "host": None}, environ)

    assert (settings.port, settings.recall_top_k, settings.history_turns, settings.pad_ttl) == (1003, 8, 7, 300)


def test_every_value_knows_where_it_came_from(home: Path) -> None:
    write_file(home, "history_turns: 7\n")

    settings = load_settings({"home": home, "port": 1}, {"RECALL_TOP_K": "5"})

    assert settings.source_of("port") == ValueSource(Source.FLAG, "--port")
    assert settings.source_of("recall_top_k") == ValueSource(Source.ENVIRONMENT, "RECALL_TOP_K")
    assert settings.source_of("history_turns") == ValueSource(Source.FILE, "history_turns")
    assert settings.source_of("host") == ValueSource(Source.DEFAULT, "host")


@pytest.mark.parametrize(("name", "setting"), sorted(seed_names().items()))
def test_the_seeds_bare_names_are_accepted_as_they_are(home: Path, name: str, setting: str) -> None:
    assert getattr(load_settings({"home": home}, {name: "1"}), setting) == 1


def test_the_prefixed_name_wins_over_the_seeds(home: Path) -> None:
    settings = load_settings({"home": home}, {"RECALL_TOP_K": "5", "LUMINA_RECALL_TOP_K": "6"})

    assert settings.recall_top_k == 6


def test_everything_that_is_wrong_is_reported_at_once_with_a_hint(home: Path) -> None:
    write_file(home, "prot: 1\nport: many\n")

    with pytest.raises(InvalidSettings) as caught:
        load_settings({"home": home, "host": "0.0.0.0"}, {"LUMINA_RECAL_TOP_K": "3", "PAD_TTL": "soon"})  # noqa: S104

    findings = {finding.name: finding for finding in caught.value.findings}
    assert findings.keys() == {"prot", "port", "host", "LUMINA_RECAL_TOP_K", "PAD_TTL"}
    assert findings["prot"].hint == "Did you mean port?"
    assert findings["LUMINA_RECAL_TOP_K"].hint == "Did you mean LUMINA_RECALL_TOP_K?"
    assert findings["PAD_TTL"].source == "environment"
    assert all(finding.hint for finding in findings.values())


@pytest.mark.parametrize("text", ["- 1\n", "port: [\n", "\x00"])
def test_a_file_that_is_no_settings_file_is_a_finding(home: Path, text: str) -> None:
    write_file(home, text)

    with pytest.raises(InvalidSettings, match=r"lumina\.yml"):
        load_settings({"home": home}, {})


def test_the_home_cannot_be_moved_from_inside_itself(home: Path) -> None:
    write_file(home, "home: /elsewhere\n")

    with pytest.raises(InvalidSettings, match="LUMINA_HOME"):
        load_settings({"home": home}, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "lumina.example"])  # noqa: S104
def test_listening_beyond_loopback_needs_tls_or_a_proxy(home: Path, tmp_path: Path, host: str) -> None:
    with pytest.raises(InvalidSettings, match="behind-proxy"):
        load_settings({"home": home, "host": host}, {})

    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.touch()
    key.touch()
    assert load_settings({"home": home, "host": host, "behind_proxy": True}, {}).host == host
    assert load_settings({"home": home, "host": host, "tls_cert": certificate, "tls_key": key}, {}).host == host


def test_an_embedder_elsewhere_must_say_where_and_which(home: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings({"home": home}, {"LUMINA_EMBEDDER": "ollama"})

    assert [finding.name for finding in caught.value.findings] == ["embedder_url", "embedder_model"]


def test_half_of_a_certificate_is_refused(home: Path, tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.touch()

    with pytest.raises(InvalidSettings, match="only one of the two"):
        load_settings({"home": home, "tls_cert": certificate}, {})


@pytest.mark.parametrize(("host", "expected"), [("localhost", True), ("127.0.0.9", True), ("::1", True), ("::", False)])
def test_loopback_is_told_from_the_rest(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_secret_is_never_shown(home: Path) -> None:
    settings = load_settings({"home": home}, {"LUMINA_REDIS_URL": "redis://:hunter2@localhost"})

    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value().endswith("localhost")
    for shown in (repr(settings), settings.shown("redis_url"), settings.model_dump_json()):
        assert "hunter2" not in shown


def test_a_blank_value_is_an_unset_one(home: Path) -> None:
    assert load_settings({"home": home}, {"LUMINA_REDIS_URL": " ", "LUMINA_GRAPHS": ""}).redis_url is None


def test_settings_cannot_be_changed(settings: Settings) -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_variables_for_tests_and_for_other_programs_are_left_alone(home: Path) -> None:
    settings = load_settings({"home": home}, {"LUMINA_TEST_QDRANT_URL": "x", "LUMINA_DEBUG": "1", "PATH": "/bin"})

    assert settings.qdrant_url is None
