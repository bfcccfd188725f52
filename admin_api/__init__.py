"""The HTTP API's room; the server has no HTTP listener yet."""
