"""How Sapar is put on a machine: private local services, containers, charts.

Only `native` is code; the command line and the tests use it. It may import `core` alone.
"""
