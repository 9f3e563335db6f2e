"""The `steepest` command. Each module is one command, or one group of them; nothing heavy is imported to show help."""

from steepest.cli.command import main

__all__ = ["main"]
