"""What a search leaves in MLflow."""
