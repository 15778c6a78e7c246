"""Deep spiking networks in PyTorch under the same rules: the only folder that imports torch, and only when used."""
