"""The codecs of the papers, one file each; `presets` makes them, `checkpoints` brings their weights."""
