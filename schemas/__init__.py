"""What is said: events, their checks, their wire form, the catalog they are read against."""
