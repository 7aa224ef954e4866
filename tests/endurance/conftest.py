"""A broker, as the tests of MQTT have it."""

from mqtt.conftest import broker, make_broker

__all__ = ["broker", "make_broker"]
