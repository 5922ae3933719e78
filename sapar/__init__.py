"""Sapar: transit telematics and ticketing for the bus fleets of a city, or of several at once."""

__version__ = "0.1.0"
