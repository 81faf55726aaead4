"""Loss and gradients of one network: the exact fast steps, and the plain step that they are held to."""
