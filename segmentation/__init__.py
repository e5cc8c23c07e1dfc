"""Find, judge and describe customer segments; no tracking server, no web framework needed."""
