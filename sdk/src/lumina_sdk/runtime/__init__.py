"""A module's process: its environment, its ASGI application, and the pump of its events."""
