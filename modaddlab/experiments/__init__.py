"""What is run: specifications, their ids, and the named runs."""
