"""Bytes to columns to arrays: formats, schema inference, splits, preprocessing. Only `formats/csv` needs pyarrow."""
