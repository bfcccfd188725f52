"""The media engine: ports, relay, players, RTCP, tones; knows nothing of SIP signalling or of calls."""
