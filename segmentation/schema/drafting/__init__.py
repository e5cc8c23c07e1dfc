"""What a draft reads from a column's name and values: role, kind, order, label."""
