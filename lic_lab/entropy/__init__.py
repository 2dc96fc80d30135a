"""Probability models of integer latents, each walked in one way to estimate, to write and to read."""
