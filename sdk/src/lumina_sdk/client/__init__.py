"""A typed client of the hub: `HubClient`."""

from __future__ import annotations

from lumina_sdk.client.hub import HubClient
from lumina_sdk.client.retries import Retries
from lumina_sdk.client.tokens import FileToken, FixedToken, TokenSource

__all__ = ["FileToken", "FixedToken", "HubClient", "Retries", "TokenSource"]
