"""The queue of what a person must explain."""
