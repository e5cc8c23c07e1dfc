"""How good a segmentation is, judged without labels."""
