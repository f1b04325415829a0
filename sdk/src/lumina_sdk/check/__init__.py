"""The module checker: everything that is wrong with a module, at once, each with its line and what to do about it."""

from __future__ import annotations

from lumina_sdk.check.checker import check_module
from lumina_sdk.check.rules import CODES

__all__ = ["CODES", "check_module"]
