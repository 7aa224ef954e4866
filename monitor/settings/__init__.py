"""How settings are read, checked, located and documented; what can be set stands in `monitor.config`."""
