"""The double-entry ledger: accounts, what a fare posts, posting, the chain, checks and exports."""
