"""Figures for Prometheus: what they are, and the two ways in which they are shown."""
