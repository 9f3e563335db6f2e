"""Trained networks as files: arrays by name, with the spec and the preprocessing as JSON beside them."""
