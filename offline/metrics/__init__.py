"""What the evaluation measures: a metric is one function and one row in its file's table."""
