"""What is still known of what was sent, and when, in a time that the test makes pass."""

from dataclasses import dataclass, field

import pytest
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket

from server.sent_packets import SentPackets


@dataclass
class Sender:
    """Keeps its last packets as aiortc does; ``now_s`` is its clock."""

    now_s: float = 1000.0
    history: dict[int, RtpPacket] = field(default_factory=dict)

    def send(self, number: int, payload_bytes: int = 100) -> None:
        packet = RtpPacket(sequence_number=number, payload=bytes(payload_bytes))
        packet.extensions.abs_send_time = (self.ntp_time() >> 14) % (1 << 24)
        self.history[number % RTP_HISTORY_SIZE] = packet

    def ntp_time(self) -> int:
        return round(self.now_s * (1 << 32))


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Sender:
    made = Sender()
    monkeypatch.setattr("server.sent_packets.current_ntp_time", made.ntp_time)
    return made


@pytest.mark.parametrize("sent_s", [1000.0, 1023.9])
def test_a_packet_has_an_age(sender: Sender, sent_s: float) -> None:
    # The stamps begin anew every 64 s: at 1024, too.
    sender.now_s = sent_s
    sender.send(65_535)
    sender.now_s += 0.3
    sent = SentPackets(sender.history)
    assert sent.age_s(65_535) == pytest.approx(0.3, abs=1e-4)
    # Reports count on beyond 16 bits.
    assert sent.age_s((7 << 16) + 65_535) == pytest.approx(0.3, abs=1e-4)


def test_what_is_not_known_has_no_age(sender: Sender) -> None:
    sender.send(5)
    sender.send(5 + RTP_HISTORY_SIZE)
    sent = SentPackets(sender.history)
    assert sent.age_s(5) is None
    assert sent.age_s(6) is None
    sender.history[5].extensions.abs_send_time = None
    assert sent.age_s(5 + RTP_HISTORY_SIZE) is None


def test_payloads_are_counted_up_to_the_end(sender: Sender) -> None:
    for number, payload_bytes in ((65_534, 1), (65_535, 10), (0, 100), (1, 1000)):
        sender.send(number, payload_bytes)
    assert SentPackets(sender.history).payload_bytes(65_535, 65_537) == 110


def test_payloads_that_are_not_known_any_more_are_as_large_as_the_others(sender: Sender) -> None:
    for number in range(10, 10 + RTP_HISTORY_SIZE):
        sender.send(number)
    assert SentPackets(sender.history).payload_bytes(0, 20) == 2000
    assert SentPackets(sender.history).payload_bytes(0, 10) == 0


def test_what_is_stamped_anew_is_young(sender: Sender) -> None:
    sender.send(1)
    sender.send(2)
    sender.now_s += 5
    sent = SentPackets(sender.history)
    sent.stamp_anew([2, 3])
    assert sent.age_s(1) == pytest.approx(5, abs=1e-4)
    assert sent.age_s(2) == 0
