"""The README's examples, run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lumina_sdk.testing import FakeHub

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


async def test_the_module_of_the_readme_passes_the_test_of_the_readme(
    run_module: Callable[..., Any], fake_hub: FakeHub
) -> None:
    app, test = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {"__name__": "lumina_almanac"}
    exec(compile(app + test, "README.md", "exec"), names)  # noqa: S102 - our own text

    await names["test_a_topic_is_looked_up"](run_module, fake_hub)

    assert fake_hub.requests == [("user:ada", "POST /api/v1/search")]
