"""lic_lab."""
