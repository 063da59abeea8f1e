import json

import pytest

from server import messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"type":"expression","name":"happy","strength":0.5}',
            messages.Expression(name="happy", strength=0.5),
        ),
        (
            '{"type":"expression","name":"sad","strength":1}',
            messages.Expression(name="sad", strength=1),
        ),
        ('{"type":"head_motion","speed":0}', messages.HeadMotion(speed=0)),
        ('{"type":"pause","paused":true}', messages.Pause(paused=True)),
        ('{"type":"portrait","id":"morisot"}', messages.SelectPortrait(id="morisot")),
        ('{"type":"record","active":true}', messages.Record(active=True)),
    ],
)
def test_parse_valid(text: str, expected: messages.ClientMessage) -> None:
    assert messages.parse(text) == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "type|object"),
        ('{"type":"dance"}', "dance.*'expression'"),
        ('{"speed":1}', "type"),
        ('{"type":"head_motion"}', "speed: Field required"),
        ('{"type":"head_motion","speed":1.5}', "speed.*less than or equal to 1"),
        ('{"type":"head_motion","speed":NaN}', "speed|JSON"),
        ('{"type":"head_motion","speed":"fast"}', "speed.*number"),
        ('{"type":"expression","name":"bored","strength":1}', "name.*'neutral'"),
        ('{"type":"pause","paused":1}', "paused.*boolean"),
        ('{"type":"pause","paused":true,"extra":1}', "extra"),
        ('{"type":"portrait","id":""}', "id"),
        (b"\x00\x01", "binary message of 2 bytes"),
        ('{"type":"portrait","id":"' + "x" * 5000 + '"}', "5027 bytes.*at most 4096"),
    ],
)
def test_parse_says_what_is_wrong(data: str | bytes, says: str) -> None:
    with pytest.raises(messages.MessageError, match=says):
        messages.parse(data)


@pytest.mark.parametrize(
    "message",
    [
        messages.Ready(session="abc"),
        messages.PortraitSelected(id="astronaut"),
        messages.Error(code="invalid-message", message="no", fatal=False),
        messages.Ended(reason="hung up"),
        messages.Recording(active=False, id="abc"),
        messages.Stats(
            fps=25.0,
            late_frames=1,
            repeated_frames=2,
            dropped_frames=3,
            playout_delay_ms=180.0,
            microphone_packet_ms=10,
            av_skew_ms=-0.5,
            num_steps=4,
            painted=True,
            halved=False,
            rung=1,
            compute_ms=31.5,
        ),
    ],
)
def test_serialize_is_flat_json_named_by_type(message: messages.ServerMessage) -> None:
    found = json.loads(messages.serialize(message))
    assert found == {name: getattr(message, name) for name in message.__dataclass_fields__}
    assert found["type"]
