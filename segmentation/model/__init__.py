"""The servable model: saved, loaded, matched with the one before."""
