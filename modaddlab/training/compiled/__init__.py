"""The step of the two-layer network as loops that are compiled for the processor at hand."""
