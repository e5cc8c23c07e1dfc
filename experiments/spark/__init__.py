"""Scoring on Apache Spark; pyspark is imported only when it is used."""
