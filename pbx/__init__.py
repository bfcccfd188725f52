"""Calls, their legs and records: the room where SIP and media meet."""
