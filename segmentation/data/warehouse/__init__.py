"""Tables that are no single file: in databases and warehouses, folders, globs and buckets."""
