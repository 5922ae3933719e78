"""Reconciliation from tap to bank line: statements, matching, agents, day close, settlement."""
