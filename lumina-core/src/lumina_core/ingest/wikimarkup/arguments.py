"""A template's arguments, as MediaWiki reads them."""

from __future__ import annotations

import re

__all__ = ["Arguments"]

_KEY = re.compile(r"\s*[^\s=<>\[\]{}'\"/&][^=<>\[\]{}\"\n]{0,60}$")
_NUMBER = re.compile(r"[1-9]\d?$")


class Arguments:
    """`positional` are numbered from 0 and keep their white space; `named` keys are folded to lower case."""

    __slots__ = ("named", "positional")

    def __init__(self, raw: list[str]) -> None:
        self.positional: list[str] = []
        self.named: dict[str, str] = {}
        numbered: dict[int, str] = {}
        for argument in raw:
            key, sign, value = argument.partition("=")
            if sign and _KEY.match(key):
                key = key.strip()
                if _NUMBER.match(key):
                    numbered[int(key) - 1] = value
                else:
                    self.named[key.lower()] = value.strip()
            else:
                self.positional.append(argument)
        for place in sorted(numbered):
            if place < len(self.positional):
                self.positional[place] = numbered[place]
            elif place == len(self.positional):
                self.positional.append(numbered[place])

    def at(self, place: int) -> str:
        """The positional argument, counted from 0, without the white space around it; "" where there is none."""
        return self.positional[place].strip() if place < len(self.positional) else ""

    def first(self, *keys: str) -> str:
        """The first of the named arguments that is there and not empty."""
        return next((value for key in keys if (value := self.named.get(key, ""))), "")

    def filled(self, start: int = 0) -> list[str]:
        """The positional arguments that are not empty, stripped."""
        return [stripped for argument in self.positional[start:] if (stripped := argument.strip())]
