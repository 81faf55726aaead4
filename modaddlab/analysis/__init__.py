"""Measures on arrays: pure float64 numpy functions that neither read files, train, nor draw."""
