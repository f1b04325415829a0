"""`lumina plugin`: writing modules, checking them, and deciding about those a hub has."""
