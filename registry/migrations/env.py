"""What alembic runs: the migrations, on the connection it was handed (registry.store.migrate)."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
