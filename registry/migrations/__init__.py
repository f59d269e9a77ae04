"""Alembic's migrations. Run by the registry itself when it starts; never edited once released."""
