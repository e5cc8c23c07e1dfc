"""From transactions to one row a customer: the recipe, its draft, and the features."""
