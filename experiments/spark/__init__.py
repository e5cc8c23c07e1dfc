"""Apache Spark, where one machine is not enough; pyspark is imported only when it is asked for."""
