"""What entry points do once their options are read; these are read without importing it."""
