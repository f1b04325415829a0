"""What a call may do."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Scope"]


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
    READ_METRICS = "read:metrics"
    READ_MODULES = "read:modules"
    ADMIN_MODULES = "admin:modules"
    ADMIN_HUB = "admin:hub"

    @property
    def sentence(self) -> str:
        """What it allows, for people."""
        return _SENTENCES[self]


_SENTENCES: dict[Scope, str] = {
    Scope.CHAT: "Ask a question and get a cited answer.",
    Scope.READ_VECTOR_STORE: "Search the index and see its state.",
    Scope.WRITE_VECTOR_STORE: "Write points into the index.",
    Scope.READ_GRAPH: "Read articles, links, revisions, recovery points and ingest jobs.",
    Scope.WRITE_GRAPH: "Add articles, run ingest jobs, restore revisions and recovery points.",
    Scope.READ_CHAT_HISTORY: "Read past turns and sessions.",
    Scope.WRITE_CHAT_HISTORY: "Add to past turns, such as a mark that an answer was right.",
    Scope.READ_SCRATCHPAD: "Read scratchpads.",
    Scope.WRITE_SCRATCHPAD: "Write scratchpads.",
    Scope.READ_EVENTS: "Follow events; narrowed to one stream as in `read:events!stream=graph:add`.",
    Scope.WRITE_EVENTS: "Publish events.",
    Scope.READ_QUEUES: "See what waits in queues.",
    Scope.WRITE_QUEUES: "Put work into queues.",
    Scope.READ_GAPS: "See what Lumina noticed it does not know.",
    Scope.WRITE_GAPS: "Report and close gaps.",
    Scope.READ_ADAPTERS: "List and fetch adapters.",
    Scope.WRITE_ADAPTERS: "Publish adapters.",
    Scope.USE_LLM: "Generate text with the language engine.",
    Scope.USE_EMBEDDINGS: "Turn texts into vectors.",
    Scope.USE_NETWORK: "Reach other machines, as for ingesting a page by its address.",
    Scope.READ_METRICS: "Read metrics and the hub's status.",
    Scope.READ_MODULES: "List modules and their health.",
    Scope.ADMIN_MODULES: "Install, enable and disable modules.",
    Scope.ADMIN_HUB: "Operate the hub: rebuild the index, read files of its machine into it.",
}
