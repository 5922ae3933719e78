"""Cards: operations on them, their statements, the deny list, and moving in from another system."""
