"""Emergencies: what the panic button rings, who answers, and the post to the other centre."""
