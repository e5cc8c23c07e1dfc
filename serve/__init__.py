"""The pages people touch: a Flask application in front of the scoring server."""
