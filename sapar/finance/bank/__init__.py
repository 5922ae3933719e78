"""Bank statements: read from five formats, checked, imported once, posted line by line."""
