"""Tests of what is recorded in MLflow."""
