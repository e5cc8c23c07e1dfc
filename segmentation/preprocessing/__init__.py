"""From customers to the float matrix a clusterer sees, in one scikit-learn pipeline."""
