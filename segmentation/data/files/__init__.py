"""Tables in files: where they stand in them, and how they are read."""
