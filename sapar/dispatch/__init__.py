"""What people in the control room decide, answer and acknowledge, kept in the database.

Each part has a package or module of its own; none knows of HTTP. A change is made inside the
caller's transaction, which also writes it into the audit log.
"""
