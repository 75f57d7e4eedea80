"""Texts → labels, by people and a model that learns from them: the file of a project, and what comes next."""
