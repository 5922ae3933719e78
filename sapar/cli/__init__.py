"""The command line `sapar`: the only place that wires parts together; nobody imports it."""
