"""What tests of several rooms share."""

import pytest


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """As if no trained weights came with the package."""
    monkeypatch.setattr("lic_lab.models.checkpoints.weights_path", lambda name: tmp_path / f"{name}.safetensors")
