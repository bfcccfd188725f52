"""The mix path: jitter buffers, rooms and detectors, one tick every 20 ms; no clock and no socket inside."""
