"""How well service was delivered: what the performance pages ask, from what the nights kept."""
