"""Recordings: from the taps of a call to one audio file with both sides apart; only `records` does this."""
