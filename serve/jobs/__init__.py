"""Uploaded files: kept, queued, scored in the background; knows nothing of Flask."""
