"""Models and migrations say the same, and a database can go all the way up and all the way down."""

import ast
import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from store import migrate
from store.database import Database
from store.migrate import SchemaMismatch
from store.models import DEFAULT_ACCOUNT, Base


def schema(database: Database) -> dict[str, str]:
    """Every table, index and constraint as the database itself describes them."""
    if database.is_sqlite:
        query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    else:
        query = """
            SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
            UNION SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION SELECT table_name || '.' || column_name,
                concat_ws(' ', data_type, character_maximum_length, collation_name, is_nullable, column_default)
            FROM information_schema.columns WHERE table_schema = 'public'
        """
    with database.read() as session:
        rows = session.execute(text(query)).all()
    return {name: _normal(definition) for name, definition in rows if "alembic" not in name}


def _normal(definition: str) -> str:
    """SQLite keeps the text of CREATE TABLE: the order of its constraints says nothing."""
    head, _, body = definition.partition("(\n")
    lines = []
    for line in body.splitlines():
        # Columns that were added later stand in one line with the last of the first ones.
        lines += [line] if line.strip().startswith("CONSTRAINT") else line.split(", ")
    lines = sorted(line.strip().rstrip(",") for line in lines if line.strip())
    return re.sub(r"\s+", " ", " ".join([head, *lines]))


def test_models_and_migrations_agree(database: Database) -> None:
    # Of an index in descending order Alembic knows nothing on SQLite; the next test compares them by their text.
    def plain(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "index" or name not in ("ix_jobs_line", "ix_jobs_queue")

    with database.engine.connect() as connection:
        options = {"compare_type": True, "include_object": plain}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_constraints_and_indexes_agree_to_the_letter(database_url: str) -> None:
    """Alembic's comparison does not look at CHECK constraints or at the conditions of partial indexes."""
    with Database(database_url) as database:
        migrated = schema(database)
        migrate.downgrade(database_url, "base")
        Base.metadata.create_all(database.engine)
        assert schema(database) == migrated


def test_down_to_nothing_and_up_again(database_url: str) -> None:
    assert migrate.current(database_url) == migrate.head()
    with Database(database_url) as database:
        before = schema(database)
        migrate.downgrade(database_url, "base")
        assert migrate.current(database_url) is None
        assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
        migrate.upgrade(database_url)
        assert schema(database) == before
        with database.read() as session:
            assert session.scalars(text("SELECT id FROM accounts")).all() == [DEFAULT_ACCOUNT]


def test_upgrading_again_changes_nothing(database_url: str) -> None:
    migrate.upgrade(database_url)
    migrate.check(database_url)


def test_a_database_of_another_release_is_told_apart(database_url: str) -> None:
    with Database(database_url) as database:
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        for use in (migrate.check, migrate.upgrade):
            with pytest.raises(SchemaMismatch, match="later release"):
                use(database_url)
        with database.write() as session:
            session.execute(text("DELETE FROM alembic_version"))
        with pytest.raises(SchemaMismatch, match=r"store\.admin migrate"):
            migrate.check(database_url)


def test_chunks_are_stored_out_of_line_and_uncompressed(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite knows one way only")
    with database.read() as session:
        found = session.scalars(
            text("SELECT attstorage FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND attname = 'data'")
        ).one()
    assert found == "e"


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'half.db'}"

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alembic.operations.Operations.bulk_insert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        migrate.upgrade(url)
    engine = create_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    monkeypatch.undo()
    migrate.upgrade(url)


CONTRACTIONS: frozenset[str] = frozenset()
"""Migrations that take away what the release before the one before still used."""


@pytest.mark.parametrize(
    "path", sorted(Path(migrate.config().get_main_option("script_location") or "").glob("versions/0*.py"))[1:], ids=str
)
def test_a_migration_only_adds(path: Path) -> None:
    """So that the release before runs on its schema."""
    if path.stem in CONTRACTIONS:
        pytest.skip("it takes away what nobody needs any more")
    (upgrade,) = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "upgrade"
    ]
    for call in (node for node in ast.walk(upgrade) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        assert name not in {"op.drop_column", "op.drop_table", "op.alter_column", "op.rename_table"}, name
        if name == "op.add_column":
            text = ast.unparse(call.args[1])
            assert "nullable=True" in text or "server_default=" in text, text
