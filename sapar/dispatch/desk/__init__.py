"""The dispatcher's desk: acts with their previews, and alerts for riders in three languages."""
