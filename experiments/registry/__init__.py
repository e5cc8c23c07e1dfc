"""Registered versions: packaging, verification, promotion and its log."""
