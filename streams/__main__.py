"""`python -m streams` is the command `credits`, also where that is not on the path."""

from streams.cli.main import main

main()
