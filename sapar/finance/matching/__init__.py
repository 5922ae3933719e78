"""Which items a bank line pays."""
