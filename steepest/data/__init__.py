"""Bytes to columns to arrays: formats, schema inference, splits, preprocessing. NumPy, and pyarrow in `formats/csv` alone."""
