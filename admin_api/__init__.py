"""Administration: the HTTP API on the control socket; health and metrics for machines."""
