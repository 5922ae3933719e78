"""One vehicle, looked at closely: where it has been."""
