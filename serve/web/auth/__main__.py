"""Say who may sign in: ``python -m serve.web.auth add NAME --role promoter``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from serve.web.auth.people import ROLES, VIEWER, People, PeopleError


@click.group()
def main() -> None:
    """Keep the file of people that SEGMENTATION_AUTH names."""


@main.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default=VIEWER, show_default=True)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    default=lambda: os.environ.get("SEGMENTATION_AUTH", "people.txt"),
    show_default="SEGMENTATION_AUTH or people.txt",
)
@click.password_option()
def add(name: str, role: str, file: Path, password: str) -> None:
    """Add a person, or change role and password of one."""
    try:
        People(file).add(name, role, password)
    except PeopleError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    click.echo(f"{name} may sign in as {role}. Start the pages with SEGMENTATION_AUTH={file}")


if __name__ == "__main__":
    main()
