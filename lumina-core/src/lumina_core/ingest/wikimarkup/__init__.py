"""The parts of the wikitext reader; `lumina_core.ingest.wikitext` is its door."""
