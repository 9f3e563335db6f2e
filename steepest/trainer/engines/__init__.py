"""What runs a chunk of steps: NumPy's plan, kernels on the processor, or a plan on a graphics card.

`choice` decides which, by one rule. Each accelerator is imported in one file of its own, and only where it is used.
"""
