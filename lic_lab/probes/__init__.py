"""What is measured inside a model: spectra, bits, gates, causality, cost."""
