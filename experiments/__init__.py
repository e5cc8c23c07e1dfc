"""Try, judge, record and promote: the room that knows Optuna and MLflow."""
