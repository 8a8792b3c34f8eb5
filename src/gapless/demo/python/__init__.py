"""Python, read with its own compiler and measured with radon."""
