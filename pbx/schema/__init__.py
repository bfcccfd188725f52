"""Configuration documents: their models, their checks, and their way into a snapshot."""
