"""Tools that know nothing of transit: settings, clock, errors, database, broker, metrics, geometry.

Comes in: settings from the environment. Goes out: a pool, a broker client, a clock, metrics.
Imports nothing else of Sapar.
"""
