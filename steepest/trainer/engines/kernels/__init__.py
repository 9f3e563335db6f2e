"""Whole steps of training, compiled: what the NumPy plan does operation by operation, in one pass over memory each.

Read `descent` first, which has the steps in their order. Every piece is a small function over flat arrays, chosen
by a number from `steepest.trainer.engines.codes`, for a kernel is compiled once and serves every network.
"""
