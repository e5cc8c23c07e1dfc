"""From a file, a public data set or the generator to validated customers, and back to files."""
