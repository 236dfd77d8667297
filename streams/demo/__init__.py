"""The feed of `credits demo`: made from a seed, sent in two parts, and accounted for record by record."""
