"""The jitter buffer against what networks do, in fake time."""

import random
from dataclasses import replace

import numpy as np
import pytest

from media.codecs import CODECS
from media.mix.playout import Playout
from media.mix.understood import Understood
from tests.media.mix.network import Packet, likeness, listen, new_playout, steps, stream, tone


def test_a_clean_network_passes_every_sample_on() -> None:
    said = tone(4.0)
    heard, playout = listen(stream(said, lambda number: 1.0), 3.9)
    codec = CODECS["pcmu"]
    coded = codec.decoder(8000).decode(codec.encoder(8000).encode(said))
    begin = int(np.flatnonzero(heard)[0]) - int(np.flatnonzero(coded)[0])
    assert 0 <= begin <= 60 * 8
    assert np.array_equal(heard[begin : begin + 8000], coded[:8000])
    assert playout.counts.concealed_ms == playout.counts.late == 0


def test_delay_is_taken_away_when_the_network_does_not_need_it() -> None:
    _, playout = listen(stream(tone(20.0), lambda number: 1.0), 19.9)
    assert playout.delay_ms <= 40
    assert playout.counts.removed_ms >= 20


@pytest.mark.parametrize("percent", [1, 3, 5])
def test_random_loss_is_concealed_and_counted(percent: int) -> None:
    rng = random.Random(percent)
    lost = {number for number in range(1000) if rng.random() < percent / 100}
    said = tone(20.0)
    heard, playout = listen(stream(said, lambda number: None if number in lost else 2.0), 19.9)
    assert likeness(heard, said) > 0.9
    assert playout.counts.concealed_ms == pytest.approx(20 * len(lost), rel=0.15)
    assert np.max(steps(heard)) < 4000


def test_a_burst_of_losses_fades_and_comes_back() -> None:
    heard, playout = listen(stream(tone(6.0), lambda number: None if 100 <= number < 110 else 2.0), 5.9)
    assert 150 <= playout.counts.concealed_ms <= 220
    assert np.sqrt(np.mean(heard[-8000:].astype(float) ** 2)) == pytest.approx(8000 / np.sqrt(2), rel=0.05)


def test_jitter_raises_the_delay_until_nothing_is_late() -> None:
    rng = random.Random(4)
    packets = stream(tone(60.0), lambda number: rng.uniform(0.0, 80.0))
    _, playout = listen(packets, 40.0)
    before = playout.counts.late + playout.counts.concealed_ms
    rest = [packet for packet in packets if packet.at_ns > 40_000_000_000]
    shifted = [replace(packet, at_ns=packet.at_ns - 40_000_000_000) for packet in rest]
    listen(shifted, 19.5, playout)
    assert playout.counts.late + playout.counts.concealed_ms - before <= 60
    assert playout.delay_ms <= 200


def test_reordered_packets_are_put_in_order() -> None:
    heard, playout = listen(stream(tone(4.0), lambda number: 25.0 if number % 10 == 3 else 1.0), 3.9)
    assert playout.counts.late == playout.counts.concealed_ms == 0
    assert np.max(steps(heard[2400:])) < 1000


def test_doubled_packets_are_counted_and_not_heard_twice() -> None:
    packets = stream(tone(4.0), lambda number: 1.0)
    doubled = sorted([*packets, *(replace(one, at_ns=one.at_ns + 3_000_000) for one in packets)], key=_arrival)
    heard, playout = listen(doubled, 3.9)
    assert playout.counts.duplicate == pytest.approx(len(packets), abs=8)
    assert playout.counts.concealed_ms == playout.counts.late == 0
    assert np.max(steps(heard[2400:])) < 1000


def _arrival(packet: Packet) -> int:
    return packet.at_ns


def test_another_ssrc_begins_at_once() -> None:
    first = stream(tone(2.0), lambda number: 1.0, ssrc=1)
    second = stream(tone(2.0, hz=500.0), lambda number: 1.0, ssrc=2, first=100)
    for packet in second:
        packet.at_ns += 2_000_000_000
    heard, _ = listen([*first, *second], 3.9)
    assert likeness(heard[17000:31000], tone(1.7, hz=500.0)) > 0.95


def test_a_timestamp_jump_is_a_new_timeline() -> None:
    packets = stream(tone(4.0), lambda number: 1.0)
    for packet in packets[100:]:
        packet.timestamp = (packet.timestamp + 3_000_000) & 0xFFFFFFFF
    heard, _ = listen(packets, 3.9)
    assert np.sqrt(np.mean(heard[-8000:].astype(float) ** 2)) > 5000


def test_a_jump_back_is_a_new_timeline() -> None:
    packets = stream(tone(4.0), lambda number: 1.0)
    for packet in packets[100:]:
        packet.timestamp = (packet.timestamp - 3_000_000) & 0xFFFFFFFF
    heard, _ = listen(packets, 3.9)
    assert np.sqrt(np.mean(heard[-8000:].astype(float) ** 2)) > 5000


def test_a_sequence_jump_is_believed_the_second_time() -> None:
    packets = stream(tone(4.0), lambda number: 1.0)
    for packet in packets[100:]:
        packet.sequence = (packet.sequence + 20_000) & 0xFFFF
        packet.timestamp = (packet.timestamp + 777_777) & 0xFFFFFFFF
    heard, _ = listen(packets, 3.9)
    assert np.sqrt(np.mean(heard[-8000:].astype(float) ** 2)) > 5000


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_packet_times(ptime_ms: int) -> None:
    said = tone(4.0)
    heard, playout = listen(stream(said, lambda number: 1.0, ptime_ms=ptime_ms), 3.9)
    assert likeness(heard, said) > 0.95
    assert playout.counts.late == 0
    assert playout.counts.concealed_ms <= 20
    assert np.max(steps(heard[2400:])) < 1500


@pytest.mark.parametrize("ppm", [200, -200])
def test_a_drifting_clock_is_followed(ppm: int) -> None:
    said = tone(300.0, hz=200.0)
    heard, playout = listen(stream(said, lambda number: 2.0, drift=ppm * 1e-6), 299.0)
    moved_ms = playout.counts.removed_ms if ppm > 0 else playout.counts.inserted_ms + playout.counts.concealed_ms
    assert moved_ms >= 30
    assert playout.delay_ms <= 100
    assert playout.counts.late == 0
    assert np.max(steps(heard[8000:])) < 2500


def test_silence_suppression_is_a_pause_and_no_loss() -> None:
    packets = stream(tone(6.0), lambda number: 1.0)
    kept = [packet for number, packet in enumerate(packets) if not 100 <= number < 200]
    for number, packet in enumerate(kept):
        packet.sequence = (65500 + number) & 0xFFFF
    heard, playout = listen(kept, 5.9)
    assert playout.counts.late == 0
    assert playout.counts.concealed_ms <= 220
    pause = heard[int(2.5 * 8000) : int(3.9 * 8000)]
    assert not pause.any()
    assert np.sqrt(np.mean(heard[-8000:].astype(float) ** 2)) > 5000


def test_comfort_noise_fills_the_pause() -> None:
    packets = stream(tone(6.0), lambda number: 1.0)
    kept = [packet for number, packet in enumerate(packets) if not 100 <= number < 200]
    noise = replace(packets[100], payload=bytes([40]), payload_type=13)
    everything = sorted([*kept, noise], key=_arrival)
    for number, packet in enumerate(everything):
        packet.sequence = (65500 + number) & 0xFFFF
    heard, _ = listen(everything, 5.9)
    pause = heard[int(2.5 * 8000) : int(3.9 * 8000)].astype(float)
    assert -45 < 20 * np.log10(np.sqrt(np.mean(pause**2)) / 32768) < -35


def test_a_late_flood_is_played_faster_and_the_delay_stays_bounded() -> None:
    """A second without network: everything comes at once."""
    heard, playout = listen(
        stream(tone(12.0, hz=200.0), lambda number: 1.0 + max(0.0, 1000.0 - 20.0 * (number - 100)) * (number >= 100)),
        11.9,
    )
    assert playout.delay_ms <= 200
    assert np.sqrt(np.mean(heard[-8000:].astype(float) ** 2)) > 5000


def test_what_waits_is_given_back() -> None:
    playout = new_playout()
    packets = stream(tone(0.2), lambda number: 1.0)
    for packet in packets:
        playout.packet(1.0, packet.ssrc, packet.sequence, packet.timestamp, 0, packet.payload)
    assert playout.flush() == [(0, packet.payload) for packet in packets]
    assert playout.flush() == []


def test_bad_payloads_are_counted() -> None:
    codec = CODECS["opus"]
    playout = Playout(clock_rate=48000, rate_hz=8000, types={111: Understood(codec=codec, decoder=codec.decoder(8000))})
    for number in range(20):
        playout.packet(1.0, 1, number, number * 960, 111, b"\xff\xff\xff")
        playout.pull()
    assert playout.counts.bad > 10


@pytest.mark.e2e  # Ten seconds.
def test_a_day_of_ticks_leaks_nothing() -> None:
    """1 % loss, jitter, drift and pauses; the buffer holds no more at the end than at the beginning."""
    rng = random.Random(9)
    playout = new_playout()
    payload = CODECS["pcmu"].encoder(8000).encode(tone(0.02))
    sent = 0
    for tick in range(86_400 * 50):
        talking = tick % 3000 < 2500
        if talking and rng.random() > 0.01:
            playout.packet(rng.uniform(0.0, 20.0), 1, sent & 0xFFFF, tick * 160 & 0xFFFFFFFF, 0, payload)
        sent += talking
        playout.pull()
    assert playout.delay_ms <= 200
    assert playout.waiting <= 12


def test_a_timestamp_between_two_samples_is_no_gap() -> None:
    codec = CODECS["opus"]
    payload = codec.encoder(8000, None).encode(tone(0.02))
    playout = Playout(clock_rate=48000, rate_hz=8000, types={111: Understood(codec=codec, decoder=codec.decoder(8000))})
    for number in range(50):
        playout.packet(1.0, 1, number, number * 960 + number % 6, 111, payload)
        playout.pull()
    assert playout.waiting <= 12


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_loss_shorter_than_a_sample_is_none(rate_hz: int) -> None:
    codec = CODECS["opus"]
    payload = codec.encoder(rate_hz, None).encode(tone(0.02, rate_hz=rate_hz))
    understood = Understood(codec=codec, decoder=codec.decoder(rate_hz))
    playout = Playout(clock_rate=48000, rate_hz=rate_hz, types={111: understood})
    for number in range(50):
        # From the twentieth on, the sequence leaps over a packet while the timestamps go on by a hair.
        skipped = number >= 20
        playout.packet(1.0, 1, number + skipped, number * 960 + 2 * skipped, 111, payload)
        given = playout.pull()
        assert given is None or len(given) == rate_hz // 50
    assert playout.counts.bad == 0
    assert playout.waiting <= 12


@pytest.mark.parametrize("seed", range(12))
def test_whatever_comes_every_tick_gives_twenty_milliseconds(seed: int) -> None:
    rng = random.Random(seed)
    playout = new_playout()
    sequence, timestamp, ssrc = 65_000, 0, 1
    for _ in range(3000):
        for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
            sequence += rng.choice((1, 1, 1, 1, 0, 2, -3, rng.randrange(1 << 16)))
            timestamp += rng.choice((160, 160, 160, 160, 0, 80, 161, -160, 48_000, rng.randrange(1 << 32)))
            ssrc = ssrc if rng.random() < 0.99 else rng.randrange(1 << 32)
            payload = rng.randbytes(rng.choice((160, 160, 160, 0, 1, 80, 240, 1400)))
            playout.packet(
                rng.uniform(0.0, 20.0),
                ssrc,
                sequence & 0xFFFF,
                timestamp & 0xFFFFFFFF,
                rng.choice((0, 0, 0, 13, 101)),
                payload,
            )
        given = playout.pull()
        assert given is None or len(given) == 160
    assert playout.waiting <= 256
