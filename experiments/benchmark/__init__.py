"""Measure the product against data with known answers and against named peers."""
