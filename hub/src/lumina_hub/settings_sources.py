"""Reading the settings from flags, environment and file, with everything that is wrong reported at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lumina_hub.errors import InvalidSettings, SettingFinding
from lumina_hub.settings import DEFAULT_HOME, Settings, Source, ValueSource, is_loopback, seed_names

__all__ = ["PREFIX", "SETTINGS_FILE", "load_settings"]

PREFIX = "LUMINA_"
SETTINGS_FILE = "lumina.yml"
_NOT_OURS = ("LUMINA_TEST_", "LUMINA_SOAK", "LUMINA_BENCH_", "LUMINA_DEBUG")  # for tests and for finding mistakes
_REMOTE_EMBEDDERS = frozenset({"ollama", "openai"})
_NOT_IN_FILE = frozenset({"home"})

_Found = tuple[str, ValueSource, object]  # setting, where it stands, raw value


def load_settings(flags: Mapping[str, object | None], environ: Mapping[str, str]) -> Settings:
    """Build the settings.

    Args:
        flags: Setting name to value; None means the flag was not given.
        environ: The environment, read by the caller's `main`.

    Raises:
        InvalidSettings: with one finding for every unknown name, bad value and combination that cannot be.
    """
    findings: list[SettingFinding] = []
    found: dict[str, tuple[ValueSource, object]] = {}

    for name, value in flags.items():
        if value is not None:
            found[name] = ValueSource(Source.FLAG, "--" + name.replace("_", "-")), value
    for name, origin, value in _from_environment(environ, findings):
        found.setdefault(name, (origin, value))
    home = Path(str(found["home"][1] if "home" in found else DEFAULT_HOME)).expanduser()
    for name, origin, value in _from_file(home / SETTINGS_FILE, findings):
        found.setdefault(name, (origin, value))

    settings = _validated(found, findings)
    findings.extend(_combinations(settings))
    if findings:
        raise InvalidSettings(findings)
    return settings.with_sources({name: origin for name, (origin, _) in found.items()})


def _from_environment(environ: Mapping[str, str], findings: list[SettingFinding]) -> Iterator[_Found]:
    """Prefixed names first: `LUMINA_RECALL_TOP_K` wins over `RECALL_TOP_K`."""
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable.startswith(_NOT_OURS):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in Settings.model_fields:
            yield name, ValueSource(Source.ENVIRONMENT, variable), environ[variable]
        else:
            findings.append(_unknown(variable, Source.ENVIRONMENT, name, prefix=PREFIX))
    for variable, name in seed_names().items():
        if variable in environ:
            yield name, ValueSource(Source.ENVIRONMENT, variable), environ[variable]


def _from_file(path: Path, findings: list[SettingFinding]) -> Iterator[_Found]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        findings.append(SettingFinding(path.name, str(path), f"cannot be read: {reason}", "Mend or remove the file."))
        return
    if content is None:
        return
    if not isinstance(content, dict):
        findings.append(
            SettingFinding(
                path.name, str(path), "is not a list of names and values", "Write lines such as `port: 8000`."
            )
        )
        return
    for key, value in content.items():
        name = str(key).lower().removeprefix(PREFIX.lower())
        if name in _NOT_IN_FILE:
            findings.append(
                SettingFinding(
                    str(key), str(path), "cannot be set in a file inside the home", "Use --home or LUMINA_HOME."
                )
            )
        elif name in Settings.model_fields:
            raw = tuple(value) if isinstance(value, list) else value
            yield name, ValueSource(Source.FILE, str(key)), raw
        else:
            findings.append(_unknown(str(key), Source.FILE, name, prefix=""))


def _unknown(written: str, source: Source, name: str, *, prefix: str) -> SettingFinding:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    shown = (prefix + near[0].upper() if prefix else near[0]) if near else None
    hint = f"Did you mean {shown}?" if shown else "`lumina config` lists every setting."
    return SettingFinding(written, source.value, "is not a setting", hint)


def _validated(found: Mapping[str, tuple[ValueSource, object]], findings: list[SettingFinding]) -> Settings:
    """The settings; where values cannot be used, those that can be, with a finding for each of the others."""
    values: dict[str, Any] = {name: value for name, (_, value) in found.items()}
    try:
        return Settings(**values)
    except ValidationError as error:
        wrong = set()
        for item in error.errors(include_url=False, include_input=False):
            name = str(item["loc"][0])
            wrong.add(name)
            field = Settings.model_fields[name]
            default = "" if field.default is None else f" Default: {field.default}."
            message = item["msg"][:1].lower() + item["msg"][1:]
            origin = found[name][0]
            findings.append(SettingFinding(origin.name, origin.source.value, message, f"{field.description}{default}"))
        return Settings(**{name: value for name, value in values.items() if name not in wrong})


def _combinations(settings: Settings) -> Iterator[SettingFinding]:
    tls = (settings.tls_cert, settings.tls_key)
    if any(tls) and not all(tls):
        yield SettingFinding("tls_cert, tls_key", "together", "only one of the two is set", "Set both or neither.")
    for name in ("tls_cert", "tls_key"):
        path: Path | None = getattr(settings, name)
        if path is not None and not path.is_file():
            yield SettingFinding(name, settings.source_of(name).source.value, f"no file at {path}", "Check the path.")
    if settings.embedder in _REMOTE_EMBEDDERS:
        for name in ("embedder_url", "embedder_model"):
            if getattr(settings, name) is None:
                message = f"the embedder {settings.embedder!r} needs it, and it is unset"
                yield SettingFinding(name, "together", message, Settings.model_fields[name].description or "")
    if not is_loopback(settings.host) and not all(tls) and not settings.behind_proxy:
        yield SettingFinding(
            "host",
            "together",
            f"{settings.host!r} can be reached from other machines, and nothing would encrypt what they say",
            "Set tls_cert and tls_key, or --behind-proxy if a proxy in front encrypts, or listen on 127.0.0.1.",
        )
