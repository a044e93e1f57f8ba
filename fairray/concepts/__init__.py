"""Directions of concepts in a network's activations: found, measured, removed, penalised. Pure functions of tensors."""
