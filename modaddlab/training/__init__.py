"""Training: the one loop, its metrics and its update rule; what it calls and what calls it lies in folders.

steps      gradients: the exact fast steps, and the plain step that they are held to
compiled   the two-layer network as compiled loops
jobs       what a command has to do: one run, several, or a sweep on a cluster
"""
