"""The networks: the transformer as published, and networks written down by hand."""
