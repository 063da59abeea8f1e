/*
 * Runs in the page before its own scripts: a server of calls that lives in the page itself. It
 * answers offers with a picture that moves, keeps what the page says on the control channel, and
 * says what a test wants. `likenessServer.calls` are its calls, `.clients` the page's connections,
 * `.forgotten` the portraits that it knows no longer.
 */
(() => {
  const RealPeerConnection = window.RTCPeerConnection;
  const realFetch = window.fetch.bind(window);
  const server = { calls: [], clients: [], forgotten: [], isAway: false };
  window.likenessServer = server;

  window.RTCPeerConnection = class extends RealPeerConnection {
    constructor(...args) {
      super(...args);
      server.clients.push(this);
    }
  };

  function movingPicture() {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const pen = canvas.getContext("2d");
    setInterval(() => {
      pen.fillStyle = `hsl(${performance.now() % 360} 80% 50%)`;
      pen.fillRect(0, 0, 64, 64);
    }, 40);
    return canvas.captureStream();
  }

  async function answer(url, sdp) {
    const pc = new RealPeerConnection();
    const call = { portrait: new URL(url).searchParams.get("portrait"), received: [], pc };
    call.say = (message) => call.channel.send(JSON.stringify(message));
    pc.addEventListener("datachannel", ({ channel }) => {
      call.channel = channel;
      channel.addEventListener("message", ({ data }) => call.received.push(JSON.parse(data)));
    });
    await pc.setRemoteDescription({ type: "offer", sdp });
    const stream = movingPicture();
    pc.addTrack(stream.getTracks()[0], stream);
    await pc.setLocalDescription();
    // The page's candidates are not looked at: its checks tell where it is.
    while (pc.iceGatheringState !== "complete") {
      await new Promise((resolve) => pc.addEventListener("icegatheringstatechange", resolve));
    }
    server.calls.push(call);
    const headers = { Location: `/v1/calls/${server.calls.length}` };
    const response = new Response(pc.localDescription.sdp, { status: 201, headers });
    return Object.defineProperty(response, "url", { value: String(url) });
  }

  function unknownPortrait() {
    const headers = { "Content-Type": "application/problem+json" };
    const body = JSON.stringify({ type: "urn:likeness:problem:unknown-portrait", detail: "" });
    return new Response(body, { status: 404, headers });
  }

  window.fetch = async (url, options = {}) => {
    if (!new URL(url, document.baseURI).pathname.startsWith("/v1/calls")) {
      return realFetch(url, options);
    }
    if (server.isAway) throw new TypeError("away, as the test wants");
    if (options.method === "POST") {
      const isForgotten = server.forgotten.includes(new URL(url).searchParams.get("portrait"));
      return isForgotten ? unknownPortrait() : answer(url, options.body);
    }
    // A new ICE session is promised, and does not come.
    if (new Headers(options.headers).get("If-Match") === "*") return new Promise(() => undefined);
    return new Response(null, { status: options.method === "PATCH" ? 204 : 200 });
  };

  server.say = (message) => server.calls.at(-1).say(message);
  server.drop = () => server.calls.at(-1).pc.close();
  server.heard = (type) => server.calls.at(-1).received.filter((message) => message.type === type);

  /** Lets the page's connection seem to be in `state`. */
  server.seem = (state) => {
    const client = server.clients.at(-1);
    Object.defineProperty(client, "connectionState", { value: state, configurable: true });
    client.dispatchEvent(new Event("connectionstatechange"));
  };
})();
