"""Gradient descent and backpropagation, written out in NumPy: arrays and a spec in, records and weights out. No I/O.

Read in this order, or by `docs/trainer.md`, which explains it:

    arrays                                  operations, and plans made of them
    network, initializers, randomness       what is trained, and from where
    activations, objectives                 the functions and their derivatives
    hidden, batch_norm, dropout             what a layer does between two products
    backprop                                one batch forward and back
    penalties, clipping, optimizers         from the gradient to the changed weights
    schedules, rates                        the learning rate of each step
    chunks, rows, gather, course            an epoch, piece by piece
    lbfgs, quasi_newton                     the other way down
    figures, evaluate, monitor              how good the network is, and when to stop
    stack, divergence, records, fit         the whole run, of one network or many
    state, snapshot, clock                  stopping, and going on elsewhere
    engines                                 what runs the steps: the plan, or kernels
"""
