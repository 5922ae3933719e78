"""What budgets owe for concessions."""
