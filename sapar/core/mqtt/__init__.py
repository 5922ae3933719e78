"""The one door to the broker: an asyncio MQTT 5 client that reads, acknowledges and writes in bulk.

It stands on the sans-I/O codec `mqtt5`. What it adds to a general client is what ingest needs: all
messages of one read come as a list, they are acknowledged in one write after the commit, and the
receive maximum bounds what is under way, so that a slow database slows the broker's delivery.
"""

from sapar.core.mqtt.client import MqttClient
from sapar.core.mqtt.packets import Message, Will, make_will

__all__ = ["Message", "MqttClient", "Will", "make_will"]
