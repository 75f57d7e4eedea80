"""The kernels in plain Python: slow twins that say what the ones in C do, to the last bit."""
