"""Runs whose networks have the same shape, with stacked weights, trained as one."""
