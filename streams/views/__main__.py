"""Write the page on views to standard output."""

import sys

from streams.views.document import document
from streams.views.engine_types import column_types

if __name__ == "__main__":
    sys.stdout.write(document(column_types()))
