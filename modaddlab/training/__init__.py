"""Training: one loop, the exact fast steps, and the plain step that they are held to."""
