"""A home has one hub."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = pytest.mark.processes


def test_a_second_hub_on_a_home_is_refused_with_a_sentence_that_says_who_holds_it(hub):
    hub.start()

    second = subprocess.run(
        hub.command("up", "--port", "0"), env=hub.environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert second.returncode == 1
    assert str(hub.process.pid) in second.stderr
    assert str(hub.client.base_url).rstrip("/") in second.stderr
    assert "Traceback" not in second.stderr
    assert hub.client.get("/livez").status_code == 200
