"""Media: session descriptions, RTP ports, players and tones, and the engine that runs them."""
