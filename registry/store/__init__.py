"""The database: tables, and functions on an open transaction, one module a noun. Rows never leave it."""
