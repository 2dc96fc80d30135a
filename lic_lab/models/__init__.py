"""The codecs of the papers, one file each; `presets.build` makes them, `checkpoints.load_model` brings their weights."""
