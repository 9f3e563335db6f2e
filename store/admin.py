"""Operators' commands: `python -m store.admin keys create|list|revoke`, `migrate`, `fsck`."""

import logging
import os
import sys
from collections.abc import Sequence

import click

from steepest.spec.errors import SteepestError
from store import fsck, keys, logs, migrate
from store.database import Database, because
from store.keys import SCOPES, Scope
from store.models import DEFAULT_ACCOUNT
from store.settings import Settings


@click.group()
@click.pass_context
def admin(context: click.Context) -> None:
    """Administer the database that STEEPEST_DATABASE_URL names (by default the one in STEEPEST_HOME)."""
    context.obj = Settings.from_environment(os.environ).database_url


@admin.command("migrate")
@click.option("--first-key", is_flag=True, help="Make an admin key if there is none, and print it, once.")
@click.pass_obj
def migrate_command(url: str, first_key: bool) -> None:
    """Bring the database to this release's schema."""
    before = migrate.upgrade(url)
    after = migrate.head()
    click.echo(
        f"The database is at {after}."
        if before == after
        else f"The database went from {before or 'nothing'} to {after}."
    )
    if first_key:
        with Database(url) as database, database.write() as session:
            secret = keys.ensure_first_key(session)
        if secret is not None:
            click.echo(f"The first API key, shown this once: {secret}")


@admin.command("fsck")
@click.pass_context
def fsck_command(context: click.Context) -> None:
    """Read all that is stored, and say what is damaged; exit code 1 if anything is. Nothing is changed."""
    migrate.check(context.obj)
    found = 0
    with Database(context.obj) as database:
        total = fsck.size(database)
        with click.progressbar(length=total, label="Reading", file=sys.stderr) as bar:
            for damage in fsck.check(database, bar.update):
                found += 1
                click.echo(damage)
    click.echo(f"{found} things are wrong." if found else f"{total:,} bytes and all rows are as they should be.")
    context.exit(1 if found else 0)


@admin.group("keys")
@click.pass_context
def keys_group(context: click.Context) -> None:
    """Make, list and revoke API keys."""
    migrate.check(context.obj)
    context.obj = context.with_resource(Database(context.obj))


@keys_group.command("create")
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--scope", "scopes", required=True, multiple=True, type=click.Choice(SCOPES), help="May be given several times."
)
@click.option("--max-running", type=click.IntRange(1), help="How many of its jobs may run at once.")
@click.pass_obj
def create_key(database: Database, name: str, scopes: Sequence[Scope], max_running: int | None) -> None:
    """Make a key and print it, once."""
    with database.write() as session:
        row, secret = keys.create(session, DEFAULT_ACCOUNT, scopes, name, max_running)
    click.echo(f"Made {row.id}. The key is shown this once:", err=True)
    click.echo(secret)


@keys_group.command("list")
@click.pass_obj
def list_keys(database: Database) -> None:
    """Show the keys, newest first; secrets are not kept."""
    with database.read() as session:
        for row in keys.every(session, DEFAULT_ACCOUNT):
            running = "" if row.max_running is None else f"  at most {row.max_running} running"
            state = "valid" if row.revoked_at is None else f"revoked {row.revoked_at:%Y-%m-%d %H:%M}"
            line = f"{row.id}  {row.created_at:%Y-%m-%d %H:%M}  {state:<24}  {'+'.join(row.scopes):<16}  {row.name}"
            click.echo(line + running)


@keys_group.command("revoke")
@click.argument("key_id")
@click.pass_obj
def revoke_key(database: Database, key_id: str) -> None:
    """End a key's validity."""
    with database.write() as session:
        keys.revoke(session, DEFAULT_ACCOUNT, key_id)
    click.echo(f"Revoked {key_id}.")


def main() -> int:
    """Run one command; an error is one line and exit code 1."""
    try:
        admin(prog_name="python -m store.admin")
    except SteepestError as error:
        reason = f" ({because(error)})" if error.__cause__ else ""
        print(f"store.admin: {error.detail}{reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    logs.configure(logging.ERROR)  # the one line says it all
    sys.exit(main())
