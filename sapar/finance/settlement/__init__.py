"""What carriers are paid: contracts, statements, payment orders."""
