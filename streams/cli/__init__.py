"""The command `credits`: what people and programs type."""

from streams.cli.main import main

__all__ = ["main"]
