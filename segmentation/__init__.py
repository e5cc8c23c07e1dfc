"""Find, judge and describe customer segments; no tracking server, no web framework needed."""

import warnings

# pandera imports pyspark wherever that is installed, and pyspark warns of pandas 3.
warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
