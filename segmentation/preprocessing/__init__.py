"""From customers to the float matrix a clusterer takes, in one scikit-learn pipeline."""
