"""How the page tries again, with a server that lives in the page itself."""

import pytest
from playwright.sync_api import Page

from tests.browser.test_modules import run

pytestmark = pytest.mark.browser


def test_each_attempt_gathers_with_the_ice_servers_of_its_own_answer(idle_page: Page) -> None:
    used = run(
        idle_page,
        """const { Backoff } = await load('backoff');
           const { Call } = await load('call');
           const { Signalling } = await load('signalling');
           let attempts = 0;
           const api = {
             async fetch(url, { method, body }) {
               // The first attempt is lost: its candidates cannot be delivered.
               const status = attempts === 1 ? 502 : 204;
               if (method === 'PATCH') return new Response(null, { status });
               if (method === 'DELETE') return new Response(null, { status: 200 });
               attempts += 1;
               const server = new RTCPeerConnection();
               await server.setRemoteDescription({ type: 'offer', sdp: body });
               await server.setLocalDescription();
               const link = '<turn:127.0.0.1:9>; rel="ice-server"; ' +
                 `username="${attempts}"; credential="c${attempts}"; credential-type="password"`;
               const headers = { Location: '/v1/calls/7', Link: link };
               const { sdp } = server.localDescription;
               const response = new Response(sdp, { status: 201, headers });
               return Object.defineProperty(response, 'url', { value: String(url) });
             },
           };
           const callbacks = { onState() {}, onStream() {}, onMessage() {} };
           const signalling = new Signalling(document.baseURI, api);
           const call = new Call(signalling, callbacks, new Backoff({ first_ms: 1 }));
           const used = [];
           const gather = RTCPeerConnection.prototype.setLocalDescription;
           const microphone = new AudioContext().createMediaStreamDestination();
           return new Promise((resolve) => {
             RTCPeerConnection.prototype.setLocalDescription = function (description) {
               if (description?.type === 'offer') used.push(this.getConfiguration().iceServers);
               if (used.length === 2) resolve(used);
               return gather.call(this, description);
             };
             call.start(microphone.stream.getAudioTracks()[0], 'astronaut');
           }).finally(() => call.stop())""",
    )
    assert used == [
        [{"urls": ["turn:127.0.0.1:9"], "username": "1", "credential": "c1"}],
        [{"urls": ["turn:127.0.0.1:9"], "username": "2", "credential": "c2"}],
    ]
