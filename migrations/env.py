"""Alembic's entry. The connection, with its transaction and its lock, comes from `store.migrate`."""

from alembic import context

from store.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations with: python -m store.admin migrate")

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite can take DDL back too, since the transaction is begun by hand.
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
