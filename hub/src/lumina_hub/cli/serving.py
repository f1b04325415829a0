"""`lumina up` and `lumina setup`."""

from __future__ import annotations

import gc
import sys

from lumina_hub.cli.logs import log_to_stderr
from lumina_hub.cli.options import Globals
from lumina_hub.cli.output import data, note, print_json
from lumina_hub.home import Home

__all__ = ["setup", "up"]


def up(said: Globals, **flags: object) -> None:
    """Serve until told to stop. Says where it listens on stdout: a banner, or one line of JSON.

    Args:
        said: What every command takes.
        flags: Settings only this command has options for; None where they were not given.
    """
    gc.disable()  # what is imported stays; looking through it for garbage takes a tenth of the start
    from lumina_hub.server import run

    settings = said.settings(**flags)

    def announce(banner: str) -> None:
        if not said.json:
            sys.stdout.write(banner + "\n")
            sys.stdout.flush()
            return
        home = Home(settings.home)
        address = home.read_address()
        print_json(
            {
                "url": address.url if address else None,
                "pid": address.pid if address else None,
                "home": str(settings.home),
                "token_path": str(home.token_path),
            },
            indent=None,
        )

    run(settings, announce=announce)


def setup(said: Globals) -> None:
    """Make the home, convert the embedding model and find out how this processor computes it fastest."""
    settings = said.settings()
    Home.open(settings.home)
    log_to_stderr()
    if settings.embedder != "onnx":
        note(f"The embedder {settings.embedder!r} needs no preparation.")
        return
    from lumina_core.drivers.embedders.loading import load_embedder
    from lumina_hub.foundations import embedder_options

    if not settings.models_dir.is_dir():
        note("Converting the embedding model (once; a few seconds) …")
    embedder = load_embedder("onnx", **embedder_options(settings))
    try:
        info = embedder.info
    finally:
        embedder.close()
    if said.json:
        print_json({"home": str(settings.home), "model": info.model, "precision": info.precision, "dim": info.dim})
    else:
        data().print(f"Ready: {info.model} in {info.precision}, in {settings.models_dir}.", markup=False)
