"""Commands of finance: `sapar ticketing bank`, `match`, `close` and more."""
