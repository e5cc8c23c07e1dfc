"""The search: what is tried, on how many customers, and what is picked."""
