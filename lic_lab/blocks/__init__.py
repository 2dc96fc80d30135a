"""Modules with weights: feature map in, feature map out."""
