"""What a training command has to do: one run, several in this process, or a sweep on a cluster."""
