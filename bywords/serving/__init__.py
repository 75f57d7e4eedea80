"""A model folder in, an HTTP server out that answers as `predict` does."""
