"""A corpus in, what is wrong with it out."""
