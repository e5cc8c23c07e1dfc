"""The Optuna study behind a search: its databases, its worker processes, its recovery."""
