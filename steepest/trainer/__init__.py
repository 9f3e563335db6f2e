"""Gradient descent and backpropagation, written out in NumPy: arrays and a spec in, records and weights out. No I/O.

Read in this order: `network` (what is trained), `activations` and `objectives` (the functions and their derivatives),
`backprop` (one batch forward and backward), `optimizers` (a step downhill), `chunks` and `course` (an epoch, piece by
piece), `fit` (the whole run).
"""
