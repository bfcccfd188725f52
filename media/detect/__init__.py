"""Detectors: what is heard in frames of 20 ms: keys, fax tones, beeps, voice and silence; a row for each stream."""
