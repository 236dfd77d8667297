"""Write the page on settings to standard output."""

import sys

from streams.settings.document import document

if __name__ == "__main__":
    sys.stdout.write(document())
