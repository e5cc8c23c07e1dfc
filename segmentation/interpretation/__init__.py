"""What segments are like, in words and numbers a person can use."""
