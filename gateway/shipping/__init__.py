"""Sealed segments as Parquet files (docs/formats/parquet.md)."""
