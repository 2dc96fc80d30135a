"""Integers to bytes and back, exactly: tables, three coders with the same verbs, the .lic file. Never torch."""

from lic_lab.coding import container, fast, golomb, range_coder, rans
from lic_lab.coding.container import Header
from lic_lab.coding.fast import Decoder, Encoder
from lic_lab.coding.tables import Tables

__all__ = ["Decoder", "Encoder", "Header", "Tables", "container", "fast", "golomb", "range_coder", "rans"]
