/**
 * Unpacks a picture that has its colour in the upper half and its alpha, as grey, in the lower one
 * (server/broadcast.py, `pack`) onto a canvas that knows transparency.
 */

/** A codec leaves noise beside an edge: alpha this near to 0 or 1 is that. */
const NOISE = 14 / 255;

const VERTEX = `
attribute vec2 corner;
varying vec2 place;
void main() {
  place = vec2(corner.x, 1.0 - corner.y);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

// Half a texel inside of its half, so that neither half runs into the other.
const FRAGMENT = `
precision highp float;
uniform sampler2D picture;
uniform float height;
varying vec2 place;
void main() {
  float row = clamp(place.y * 0.5, 0.5 / height, 0.5 - 0.5 / height);
  vec3 color = texture2D(picture, vec2(place.x, row)).rgb;
  vec3 grey = texture2D(picture, vec2(place.x, row + 0.5)).rgb;
  float alpha = dot(grey, vec3(0.299, 0.587, 0.114));
  alpha = clamp((alpha - ${NOISE}) / (1.0 - 2.0 * ${NOISE}), 0.0, 1.0);
  gl_FragColor = vec4(color * alpha, alpha);
}`;

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {{ draw: (video: HTMLVideoElement) => void }} by WebGL, or without it by the processor
 */
export function unpackOnto(canvas) {
  const gl = canvas.getContext("webgl", { alpha: true, premultipliedAlpha: true });
  return gl ? new GlUnpacker(canvas, gl) : new PlainUnpacker(canvas);
}

class GlUnpacker {
  #height;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {WebGLRenderingContext} gl
   */
  constructor(canvas, gl) {
    this.canvas = canvas;
    this.gl = gl;
    this.#height = this.#prepare();
    // A browser takes the context away when its GPU process ends, and gives another.
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#height = this.#prepare();
    });
  }

  /** @param {HTMLVideoElement} video */
  draw(video) {
    const { canvas, gl } = this;
    if (gl.isContextLost()) return;
    resize(canvas, video);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, video);
    gl.uniform1f(this.#height, video.videoHeight);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  #prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ]) {
      const shader = gl.createShader(/** @type {number} */ (kind));
      if (!shader) throw new Error("WebGL makes no shader");
      gl.shaderSource(shader, /** @type {string} */ (source));
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "corner");
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Error(`WebGL refuses the overlay's shader: ${gl.getProgramInfoLog(program)}`);
    }
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE);
    }
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D, name, gl.LINEAR);
    }
    return gl.getUniformLocation(program, "height");
  }
}

class PlainUnpacker {
  #packed;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    const options = { willReadFrequently: true };
    this.#packed = new OffscreenCanvas(1, 1).getContext("2d", options);
    if (!this.context || !this.#packed) throw new Error("this browser draws on no canvas");
  }

  /** @param {HTMLVideoElement} video */
  draw(video) {
    const packed = this.#packed;
    if (!packed || !this.context) return;
    resize(this.canvas, video);
    const { width, height } = this.canvas;
    if (packed.canvas.width !== width) packed.canvas.width = width;
    if (packed.canvas.height !== 2 * height) packed.canvas.height = 2 * height;
    packed.drawImage(video, 0, 0, width, 2 * height);
    const picture = packed.getImageData(0, 0, width, height);
    const alpha = packed.getImageData(0, height, width, height).data;
    for (let at = 0; at < alpha.length; at += 4) {
      const grey = 0.299 * alpha[at] + 0.587 * alpha[at + 1] + 0.114 * alpha[at + 2];
      picture.data[at + 3] = ((grey / 255 - NOISE) / (1 - 2 * NOISE)) * 255;
    }
    this.context.putImageData(picture, 0, 0);
  }
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLVideoElement} video
 */
function resize(canvas, video) {
  const [width, height] = [video.videoWidth, video.videoHeight / 2];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
}
