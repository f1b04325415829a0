"""The `lumina` command. It speaks REST and nothing else: to the running hub, or to one it starts in its own process."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line on `sys.argv` and leave with 0, 1 (it ran, and failed) or 2 (it could not be understood)."""
    from lumina_hub.cli.commands import app

    app(prog_name="lumina")
