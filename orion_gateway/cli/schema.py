"""`orion schema`: print the JSON Schema of the route table."""

from __future__ import annotations

import json

import click


@click.command()
def command() -> None:
    """Print the JSON Schema (draft-07) of the route table, so that editors explain, complete and check it.

    For the YAML language server, save it as orion.schema.json and begin the table with the line

    # yaml-language-server: $schema=./orion.schema.json
    """
    from orion_gateway.config.schema import make_schema

    click.echo(json.dumps(make_schema(), indent=2, ensure_ascii=False))
