/*
 * Runs in the page before its own scripts, and observes a call from outside: the sound that enters
 * by the microphone, the sound that comes back, every picture as it is drawn, and the control
 * messages. It changes nothing of the page; recording.py collects what it found.
 *
 * Sound is read with MediaStreamTrackProcessor, which stamps every buffer, of the microphone when
 * it is captured and of the remote stream when it is taken for playing, with the clock that also
 * stamps the drawn pictures (performance.now). An AudioContext would be a third clock: it has
 * its own queues, and on a busy machine it runs behind the other two.
 */
(() => {
  const CROP_WIDTH = 48;
  const CROP_HEIGHT = 32;
  const QUARTERS = 4;

  const probe = {
    /** The part of the picture to keep, in 0..1 of its size: set by recording.py. */
    crop: { x: 0, y: 0, width: 1, height: 1 },
    microphone: [],
    remote: [],
    frames: [],
    crops: [],
    messages: [],
    inbound: [],
  };
  window.likenessProbe = probe;

  /**
   * @param {MediaStreamTrack} track
   * @param {number[]} sound gets, of every buffer: its time, its duration, its loudness in quarters
   */
  async function listen(track, sound) {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    let samples = new Float32Array(0);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      if (samples.length < value.numberOfFrames) samples = new Float32Array(value.numberOfFrames);
      value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      sound.push(value.timestamp / 1000, (1000 * value.numberOfFrames) / value.sampleRate);
      for (let quarter = 0; quarter < QUARTERS; quarter += 1) {
        const from = Math.floor((quarter * value.numberOfFrames) / QUARTERS);
        const to = Math.floor(((quarter + 1) * value.numberOfFrames) / QUARTERS);
        let power = 0;
        for (let i = from; i < to; i += 1) power += samples[i] * samples[i];
        sound.push(Math.sqrt(power / (to - from)));
      }
      value.close();
    }
  }

  const canvas = new OffscreenCanvas(CROP_WIDTH, CROP_HEIGHT);
  const brush = canvas.getContext("2d", { willReadFrequently: true });

  function watch(video) {
    const onFrame = (now, metadata) => {
      const { videoWidth: w, videoHeight: h } = video;
      const { x, y, width, height } = probe.crop;
      brush.drawImage(
        video, x * w, y * h, width * w, height * h, 0, 0, CROP_WIDTH, CROP_HEIGHT,
      );
      const { data } = brush.getImageData(0, 0, CROP_WIDTH, CROP_HEIGHT);
      const grey = new Uint8Array(CROP_WIDTH * CROP_HEIGHT);
      for (let i = 0; i < grey.length; i += 1) {
        grey[i] = (data[4 * i] * 77 + data[4 * i + 1] * 150 + data[4 * i + 2] * 29) >> 8;
      }
      probe.frames.push(
        metadata.presentationTime,
        metadata.expectedDisplayTime,
        metadata.presentedFrames,
        metadata.rtpTimestamp ?? 0,
      );
      probe.crops.push(grey);
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  }

  function toBase64(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length; i += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    }
    return btoa(text);
  }

  const floats = (numbers) => new Uint8Array(Float64Array.from(numbers).buffer);

  /** What was seen since the last call. */
  probe.take = async () => {
    const crops = new Uint8Array(probe.crops.length * CROP_WIDTH * CROP_HEIGHT);
    probe.crops.forEach((crop, i) => crops.set(crop, i * crop.length));
    const taken = {
      at_ms: performance.now(),
      microphone: toBase64(floats(probe.microphone)),
      remote: toBase64(floats(probe.remote)),
      frames: toBase64(floats(probe.frames)),
      crops: toBase64(crops),
      messages: probe.messages.splice(0),
      inbound: probe.pc ? await inboundStats(probe.pc) : [],
    };
    for (const name of ["microphone", "remote", "frames", "crops"]) probe[name].length = 0;
    return taken;
  };

  async function inboundStats(pc) {
    const report = await pc.getStats();
    return [...report.values()].filter(({ type }) => type === "inbound-rtp");
  }

  const getUserMedia = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (getUserMedia) {
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await getUserMedia(constraints);
      listen(stream.getAudioTracks()[0].clone(), probe.microphone);
      return stream;
    };
  }

  const RealPeerConnection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends RealPeerConnection {
    constructor(...args) {
      super(...args);
      probe.pc = this;
      this.addEventListener("track", ({ track }) => {
        if (track.kind === "audio") listen(track, probe.remote);
        else watch(document.querySelector("video"));
      });
    }

    createDataChannel(...args) {
      const channel = super.createDataChannel(...args);
      channel.addEventListener("message", ({ data }) => probe.messages.push(JSON.parse(data)));
      return channel;
    }
  };
})();
