/*
 * Speaks for an avatar from within the page that watches it, and cuts sentence after sentence, all
 * by the clock that also stamps what is heard and drawn (performance.now).
 */
window.cutSentences = (socketUrl, sampleRate, pcmBase64, delaysMs, settleMs) => {
  const pcm = Uint8Array.from(atob(pcmBase64), (letter) => letter.charCodeAt(0));
  const socket = new WebSocket(socketUrl);
  const starts = [];
  const cuts = [];
  window.cutting = { starts, cuts, done: false, error: null };
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let next = null;
  const message = (type) =>
    new Promise((resolve) => {
      next = { type, resolve };
    });
  socket.addEventListener("message", ({ data }) => {
    const told = JSON.parse(data);
    if (told.type === "error") window.cutting.error = told.message;
    if (told.type === next?.type) next.resolve();
  });
  socket.addEventListener("close", ({ code }) => {
    if (!window.cutting.done) window.cutting.error ??= `the voice socket closed: ${code}`;
  });
  socket.addEventListener("open", async () => {
    const ready = message("ready");
    socket.send(JSON.stringify({ type: "start", sample_rate: sampleRate }));
    await ready;
    for (const delayMs of delaysMs) {
      const started = message("playback_started");
      starts.push(performance.now());
      socket.send(pcm);
      socket.send(JSON.stringify({ type: "end" }));
      await started;
      await wait(delayMs);
      cuts.push(performance.now());
      socket.send(JSON.stringify({ type: "clear" }));
      await wait(settleMs);
    }
    window.cutting.done = true;
    socket.close();
  });
};
