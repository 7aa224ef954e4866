"""What the monitor costs, measured against recomputing every window: `make bench`."""
