"""Write the page on metrics to standard output."""

import sys

from streams.metrics.document import document

if __name__ == "__main__":
    sys.stdout.write(document())
