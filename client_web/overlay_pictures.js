/**
 * Tells of each picture of a video as it comes.
 *
 * @param {HTMLVideoElement} video
 * @param {() => void} onPicture
 */
export function watchPictures(video, onPicture) {
  if (typeof video.requestVideoFrameCallback === "function") {
    const next = () => {
      video.requestVideoFrameCallback(next);
      onPicture();
    };
    video.requestVideoFrameCallback(next);
    return;
  }
  let last = 0;
  const look = () => {
    requestAnimationFrame(look);
    const { totalVideoFrames } = video.getVideoPlaybackQuality();
    if (totalVideoFrames === last) return;
    last = totalVideoFrames;
    onPicture();
  };
  requestAnimationFrame(look);
}
