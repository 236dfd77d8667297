"""The books once more, by the plainest arithmetic over the whole set of accepted events."""
