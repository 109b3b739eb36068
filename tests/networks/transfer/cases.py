"""Settings that several test files train with."""

QUICK = {"hidden_layer_sizes": (16, 8, 4), "source_epochs": 8, "epochs": 20}
