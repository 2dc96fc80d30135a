"""Pictures: read, write, list; what comes with the installation; where larger sets are looked for."""
