"""The `orion` command. Each subcommand is a file of its own, imported only when it is asked for: `--help` is quick.

Exit codes of every command: 0 fine, 1 findings (a broken table), 2 could not run. `orion run` adds 3: stopped, but work
was cut.
Data goes to stdout, everything said to a person to stderr.
"""

from __future__ import annotations

from importlib import import_module

import click

from orion_gateway import __version__

COMMANDS = {
    "run": "Run the gateway in the foreground.",
    "check": "Check a route table and say everything that is wrong with it.",
    "audit": "Check a route table, and look for what an attacker would look for.",
    "routes": "List the routes in the order of precedence, with what answers each.",
    "explain": "Say which route takes a request, why the others lost, and what follows.",
    "services": "Say how the services and endpoints of the running gateway stand.",
    "circuit": "Say how the circuit of a service stands in the running gateway; hold it in a state, or reset it.",
    "filters": "Say what the filters of the running gateway report.",
    "simulate": "Walk a table through failures on a virtual clock, and check what it is expected to do.",
    "schema": "Print the JSON Schema of the route table, for editors.",
    "version": "Print the version and what runs below it.",
}


class LazyGroup(click.Group):
    """A group that knows the names and summaries of its commands, and imports one when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (the signature is click's)
        """Return the command names in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import `orion_gateway.cli.<name>` and return its `command`."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"orion_gateway.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="orion")
def main() -> None:
    """Orion Gateway: a reverse proxy configured by one YAML route table."""
