"""Pure tensor functions: no parameters, no files."""
