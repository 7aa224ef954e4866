"""ser-monitor: hears a microphone and says which emotion the voice expresses, as events."""
