"""The help of `credits` itself: commands in groups by who uses them, each with a line that is never cut.

Typer's own groups need rich's markup, in which an id in brackets would be taken for a style.
"""

from typing import Any

from typer.core import TyperGroup

FIRST_STEPS = """\
\b
First steps:
  credits demo                           see all of it at work, here
  credits up --detach                    run it, and keep it running
  credits emit events.jsonl              send events
  credits wait                           until they are in the books
  credits search ORGANIZATION TEXT       find a customer, a grant, ...
  credits balance ORGANIZATION CUSTOMER  what a customer has now
  credits COMMAND --help                 its options and exit statuses
"""


class GroupedCommands(TyperGroup):
    """A group of commands that lists them under the headings that they were registered with (`rich_help_panel`)."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each heading, in the order in which they come first, with its commands in theirs."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            sections.setdefault(str(getattr(command, "rich_help_panel", "")), []).append((name, command.short_help or ""))
        width = max(len(name) for rows in sections.values() for name, _ in rows)
        for heading, rows in sections.items():
            with formatter.section(heading):
                # All sections begin their second column at the same place.
                formatter.write_dl([(name.ljust(width), line) for name, line in rows])
