"""Signing in, people, keys of apps and the audit log; the guard of every other address."""
