"""Measuring codecs: sweeps over pictures, timing, benchmarks, reports."""
