"""Shift (Z) reports of validators against the taps that came."""
