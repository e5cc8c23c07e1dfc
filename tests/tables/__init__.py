"""Tables as people have them, after well-known public ones by structure; all values are invented.

``python -m tests.tables FOLDER`` writes them all.
"""
