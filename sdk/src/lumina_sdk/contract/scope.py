"""What a call may do: the scopes of the core, and how a scope is written.

A scope is `action:resource`, or `chat`; some may be narrowed by one filter, as in `read:events!stream=graph:add`:

    scope    = name [ "!" key "=" value ]
    name     = "chat" / action ":" resource
    action   = "read" / "write" / "use" / "admin"
    resource = word *( "." word )              ; a word is lower case: letters, digits, "_" and "-"
    value    = 1*128( letter / digit / "_" / "." / ":" / "-" / "/" )

Every scope is a scope-token of RFC 6749, section 3.3, so a list of them is written with blanks between. Sets of scopes
and what they imply are in `scopes.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = ["InvalidScope", "ParsedScope", "Scope", "ScopeText", "parse_scope"]

_ACTIONS = ("read", "write", "use", "admin")
_RESOURCE = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*")
_VALUE = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")


class Scope(StrEnum):
    """A named permission, `action:resource`. Modules may declare more of their own."""

    CHAT = "chat"
    READ_VECTOR_STORE = "read:vector_store"
    WRITE_VECTOR_STORE = "write:vector_store"
    READ_GRAPH = "read:graph"
    WRITE_GRAPH = "write:graph"
    READ_CHAT_HISTORY = "read:chat_history"
    WRITE_CHAT_HISTORY = "write:chat_history"
    READ_SCRATCHPAD = "read:scratchpad"
    WRITE_SCRATCHPAD = "write:scratchpad"
    READ_EVENTS = "read:events"
    WRITE_EVENTS = "write:events"
    READ_QUEUES = "read:queues"
    WRITE_QUEUES = "write:queues"
    READ_GAPS = "read:gaps"
    WRITE_GAPS = "write:gaps"
    READ_ADAPTERS = "read:adapters"
    WRITE_ADAPTERS = "write:adapters"
    USE_LLM = "use:llm"
    USE_EMBEDDINGS = "use:embeddings"
    USE_NETWORK = "use:network"
    READ_TOKENS = "read:tokens"
    WRITE_TOKENS = "write:tokens"
    READ_METRICS = "read:metrics"
    READ_MODULES = "read:modules"
    ADMIN_MODULES = "admin:modules"
    ADMIN_HUB = "admin:hub"

    @property
    def sentence(self) -> str:
        """What it allows, for people."""
        return _SENTENCES[self]

    @property
    def filter_key(self) -> str | None:
        """The key it may be narrowed by; None for a scope that is granted whole or not at all."""
        return _FILTER_KEYS.get(self)

    def narrowed(self, value: str) -> str:
        """This scope for one stream, queue or collection only.

        Raises:
            InvalidScope: the scope has no filter, or `value` cannot be one.
        """
        if self.filter_key is None:
            raise InvalidScope(self, "cannot be narrowed", f"Write {str(self)!r}.")
        return parse_scope(f"{self}!{self.filter_key}={value}").text


_SENTENCES: dict[Scope, str] = {
    Scope.CHAT: "Ask a question and get a cited answer.",
    Scope.READ_VECTOR_STORE: "Search the index and see its state; narrowed to one collection by `!collection=`.",
    Scope.WRITE_VECTOR_STORE: "Write points into the index; narrowed to one collection by `!collection=`.",
    Scope.READ_GRAPH: "Read articles, links, revisions, recovery points and ingest jobs.",
    Scope.WRITE_GRAPH: "Add articles, run ingest jobs, restore revisions and recovery points.",
    Scope.READ_CHAT_HISTORY: "Read past turns and sessions.",
    Scope.WRITE_CHAT_HISTORY: "Add to past turns, such as a mark that an answer was right.",
    Scope.READ_SCRATCHPAD: "Read scratchpads.",
    Scope.WRITE_SCRATCHPAD: "Write scratchpads.",
    Scope.READ_EVENTS: "Follow events; narrowed to one stream as in `read:events!stream=graph:add`.",
    Scope.WRITE_EVENTS: "Publish events; narrowed to one stream by `!stream=`.",
    Scope.READ_QUEUES: "See what waits in queues; narrowed to one as in `read:queues!queue=crawl:queue`.",
    Scope.WRITE_QUEUES: "Put work into queues and take it out; narrowed to one by `!queue=`.",
    Scope.READ_GAPS: "See what Lumina noticed it does not know.",
    Scope.WRITE_GAPS: "Report and close gaps.",
    Scope.READ_ADAPTERS: "List and fetch adapters.",
    Scope.WRITE_ADAPTERS: "Publish adapters.",
    Scope.USE_LLM: "Generate text with the language engine.",
    Scope.USE_EMBEDDINGS: "Turn texts into vectors.",
    Scope.USE_NETWORK: "Reach other machines, as for ingesting a page by its address.",
    Scope.READ_TOKENS: "List one's own API tokens, without their secrets.",
    Scope.WRITE_TOKENS: "Make API tokens that may do no more than their maker, and revoke one's own.",
    Scope.READ_METRICS: "Read metrics and the hub's status.",
    Scope.READ_MODULES: "List modules and their health.",
    Scope.ADMIN_MODULES: "Install, enable, disable and configure modules, and decide what they may do.",
    Scope.ADMIN_HUB: "Operate the hub: everything the other scopes allow, those that modules declare included.",
}

_FILTER_KEYS: dict[Scope, str] = {
    Scope.READ_VECTOR_STORE: "collection",
    Scope.WRITE_VECTOR_STORE: "collection",
    Scope.READ_EVENTS: "stream",
    Scope.WRITE_EVENTS: "stream",
    Scope.READ_QUEUES: "queue",
    Scope.WRITE_QUEUES: "queue",
}

_CORE = frozenset(Scope)


class InvalidScope(ValueError):
    """A text that is no scope. `reason` says what is wrong, `hint` what to write instead."""

    def __init__(self, text: str, reason: str, hint: str) -> None:
        self.text, self.reason, self.hint = str(text), reason, hint
        super().__init__(f"The scope {str(text)!r} {reason}. {hint}")


@dataclass(frozen=True, slots=True)
class ParsedScope:
    """A scope taken apart. `name` is the scope without its filter; `action` of `chat` is "chat", its resource ""."""

    text: str
    name: str
    action: str
    resource: str
    key: str | None = None
    value: str | None = None

    @property
    def is_core(self) -> bool:
        """Whether it is one of `Scope`, narrowed or not; else a module declared it, or nobody did."""
        return self.name in _CORE


@lru_cache(maxsize=4096)
def parse_scope(text: str) -> ParsedScope:
    """Take a scope apart. One that no core scope is called is well-formed too: a module may have declared it.

    Raises:
        InvalidScope: saying what is wrong and what to write instead.
    """
    name, narrowed, filtered = text.partition("!")
    action, resource = _name(text, name)
    if not narrowed:
        return ParsedScope(text, name, action, resource)
    allowed = _FILTER_KEYS.get(Scope(name)) if name in _CORE else None
    if allowed is None:
        raise InvalidScope(text, "has a filter, and this scope cannot be narrowed", f"Write {name!r}.")
    key, _, value = filtered.partition("=")
    if key != allowed:
        raise InvalidScope(text, f"has the filter {key!r}", f"Write '{name}!{allowed}=…', or {name!r} for all.")
    if not _VALUE.fullmatch(value):
        raise InvalidScope(
            text,
            f"has a filter without a usable value: {value!r}" if value else "has a filter without a value",
            f"Write '{name}!{allowed}=…' with 1 to 128 letters, digits and '_.:/-', or {name!r} for all.",
        )
    return ParsedScope(text, name, action, resource, key, value)


def _name(text: str, name: str) -> tuple[str, str]:
    if name == Scope.CHAT:
        return "chat", ""
    action, colon, resource = name.partition(":")
    if not colon:
        raise InvalidScope(text, "has no action", f"Write 'action:resource', as in 'read:graph'.{_nearest(name)}")
    if action not in _ACTIONS:
        raise InvalidScope(text, f"has the action {action!r}", f"Actions are {', '.join(_ACTIONS)}.{_nearest(name)}")
    if not _RESOURCE.fullmatch(resource) or len(resource) > 128:
        raise InvalidScope(
            text,
            f"has the resource {resource!r}",
            "Write it in lower case, letters, digits, '_' and '-', parts joined by '.'." + _nearest(name),
        )
    return action, resource


def _nearest(name: str) -> str:
    near = get_close_matches(name.lower(), list(Scope), n=1, cutoff=0.75)
    return f" Did you mean {str(near[0])!r}?" if near else ""


def _checked(text: str) -> str:
    try:
        return parse_scope(text).text
    except InvalidScope as error:
        raise PydanticCustomError(
            "scope", "the scope {text} {reason}", {"text": repr(error.text), "reason": error.reason, "hint": error.hint}
        ) from error


ScopeText = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(chat|(read|write|use|admin):[a-z][a-z0-9_.-]*(![a-z]+=[A-Za-z0-9_.:/-]+)?)$",
            "examples": ["read:graph", "read:events!stream=graph:add"],
        }
    ),
]
"""A scope on the wire: well-formed, not necessarily known."""
