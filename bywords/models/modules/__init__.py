"""Modules of PyTorch, one file each: a prepared batch of documents → logits (N, K). Importing this imports PyTorch."""
