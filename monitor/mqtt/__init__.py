"""MQTT 5: topics, messages, the connection. The sink in `monitor.sinks.mqtt` joins them."""
