"""The figures with a handle to move: the A/B viewer, the panel that leaves a picture behind, the bitrate explorer."""
