"""Static figures: the palette, the picture grid and the rate-distortion curve."""
