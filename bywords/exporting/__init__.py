"""A fitted classifier as something that works without Python: a page for a browser, or a graph for ONNX."""
