"""Update rules beside AdamW and plain descent: what is done to a gradient before them.

A rule is called at every step before the weights are updated, and changes the gradient in place. Its `state` is all that its next
calls depend on, tensors by name.
"""
