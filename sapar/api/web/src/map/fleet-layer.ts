/**
 * Draws all vehicles with one call. The positions glide in the vertex shader, so that a frame costs
 * the page's thread the same for ten vehicles and for ten thousand; nothing is cut into tiles, and no
 * place is computed for glyphs that may lie on each other. The map neither turns nor tilts.
 */
import type { CustomLayerInterface, Map as Maplibre } from "maplibre-gl";
import { glide_ms, mix } from "./glide";
import { atlasColumns, drawAtlas, edge, glyph_px, glyphScales, reach } from "./glyphs";
import { Instances, type Screen, stride } from "./instances";

const vertexSource = `#version 300 es
precision highp float;
layout(location = 0) in vec4 a_places;
layout(location = 1) in vec3 a_motion;
layout(location = 2) in vec4 a_colour;
uniform vec2 u_anchor;
uniform vec2 u_screen;
uniform float u_world;
uniform float u_now;
uniform float u_half;
uniform vec2 u_cells;
out vec2 v_at;
out vec3 v_colour;
void main() {
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  float part = clamp((u_now - a_motion.x) / ${glide_ms.toFixed(1)}, 0.0, 1.0);
  vec2 place = mix(a_places.xy, a_places.zw, part) * u_world + u_anchor;
  vec2 out_px = (corner * 2.0 - 1.0) * u_half;
  float s = sin(a_motion.y);
  float c = cos(a_motion.y);
  place += vec2(out_px.x * c - out_px.y * s, out_px.x * s + out_px.y * c);
  gl_Position = vec4(place.x / u_screen.x * 2.0 - 1.0, 1.0 - place.y / u_screen.y * 2.0, 0.0, 1.0);
  v_at = (vec2(mod(a_motion.z, u_cells.x), floor(a_motion.z / u_cells.x)) + corner) / u_cells;
  v_colour = a_colour.rgb;
}`;

// The atlas holds distances: a fill within the shape's border, and a rim of the ground around it.
const fragmentSource = `#version 300 es
precision mediump float;
in vec2 v_at;
in vec3 v_colour;
uniform sampler2D u_atlas;
uniform vec3 u_rim;
uniform float u_rim_edge;
uniform float u_soft;
out vec4 colour;
void main() {
  float field = texture(u_atlas, v_at).r;
  float fill = smoothstep(${edge} - u_soft, ${edge} + u_soft, field);
  float all = smoothstep(u_rim_edge - u_soft, u_rim_edge + u_soft, field);
  if (all <= 0.0) discard;
  colour = vec4(mix(u_rim, v_colour, fill) * all, all);
}`;

const rim_px = 1.2;
/** Softness of a border of a distance field at one device pixel, as the map's own icons have it. */
const soft = 0.105;

const uniformNames = [
  "u_anchor",
  "u_screen",
  "u_world",
  "u_now",
  "u_half",
  "u_cells",
  "u_atlas",
  "u_rim",
  "u_rim_edge",
  "u_soft",
] as const;

interface Drawing {
  readonly program: WebGLProgram;
  readonly places: WebGLVertexArrayObject;
  readonly buffer: WebGLBuffer;
  readonly atlas: WebGLTexture;
  readonly uniforms: Readonly<Record<(typeof uniformNames)[number], WebGLUniformLocation | null>>;
}

/** Size of a glyph at a zoom, as a factor of 24 CSS pixels. */
export function glyphScale(zoom: number): number {
  const after = glyphScales.findIndex(([at]) => zoom < at);
  const [low, small] = glyphScales.at(after - 1) ?? glyphScales[0];
  const [high, large] = glyphScales.at(after) ?? glyphScales[0];
  if (after === 0) return large;
  return after < 0 ? large : mix(small, large, (zoom - low) / (high - low));
}

export class FleetLayer implements CustomLayerInterface {
  readonly id = "fleet";
  readonly type = "custom" as const;
  readonly instances = new Instances();
  readonly #rim: readonly [number, number, number];
  #map: Maplibre | null = null;
  #drawing: Drawing | null = null;
  #changed = true;

  /** @param rim colour around each glyph, "#rrggbb" */
  constructor(rim: string) {
    const part = (at: number): number => Number.parseInt(rim.slice(at, at + 2), 16) / 255;
    this.#rim = [part(1), part(3), part(5)];
  }

  /** Tells that the instances are others now. */
  changed(): void {
    this.#changed = true;
    this.#map?.triggerRepaint();
  }

  /** How the map lies on the screen; null while the layer is on none. */
  screen(): Screen | null {
    if (!this.#map) return null;
    const { x, y } = this.#map.project(this.instances.anchor);
    return { x, y, world_px: this.#map.transform.worldSize };
  }

  onAdd(map: Maplibre): void {
    this.#map = map;
    this.#changed = true;
  }

  onRemove(_map: Maplibre, gl: WebGL2RenderingContext): void {
    this.#map = null;
    if (!this.#drawing) return;
    gl.deleteProgram(this.#drawing.program);
    gl.deleteVertexArray(this.#drawing.places);
    gl.deleteBuffer(this.#drawing.buffer);
    gl.deleteTexture(this.#drawing.atlas);
    this.#drawing = null;
  }

  render(context: WebGLRenderingContext | WebGL2RenderingContext): void {
    const screen = this.screen();
    if (!this.#map || !screen) return;
    const gl = context as WebGL2RenderingContext;
    this.#drawing ??= makeDrawing(gl);
    const { program, places, buffer, atlas } = this.#drawing;
    gl.useProgram(program);
    gl.bindVertexArray(places);
    if (this.#changed) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      const { numbers, count } = this.instances;
      gl.bufferData(gl.ARRAY_BUFFER, numbers.subarray(0, count * stride), gl.DYNAMIC_DRAW);
      this.#changed = false;
    }
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, atlas);
    this.#tellView(gl, this.#map, screen, this.#drawing);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.instances.count);
    gl.bindVertexArray(null);
  }

  #tellView(
    gl: WebGL2RenderingContext,
    map: Maplibre,
    { x, y, world_px }: Screen,
    { uniforms }: Drawing,
  ): void {
    const { width, height } = map.transform;
    const scale = glyphScale(map.getZoom());
    gl.uniform2f(uniforms.u_anchor, x, y);
    gl.uniform2f(uniforms.u_screen, width, height);
    gl.uniform1f(uniforms.u_world, world_px);
    gl.uniform1f(uniforms.u_now, performance.now() - this.instances.base_ms);
    gl.uniform1f(uniforms.u_half, (glyph_px / 4) * scale);
    gl.uniform1f(uniforms.u_rim_edge, edge - rim_px / reach / scale);
    gl.uniform1f(uniforms.u_soft, soft / map.getPixelRatio() / scale);
    gl.uniform3f(uniforms.u_rim, ...this.#rim);
  }
}

function makeDrawing(gl: WebGL2RenderingContext): Drawing {
  const program = makeProgram(gl);
  const uniforms = Object.fromEntries(
    uniformNames.map((name) => [name, gl.getUniformLocation(program, name)]),
  ) as Drawing["uniforms"];
  const image = drawAtlas();
  gl.useProgram(program);
  gl.uniform1i(uniforms.u_atlas, 0);
  gl.uniform2f(uniforms.u_cells, atlasColumns, image.height / glyph_px);
  return { program, uniforms, ...makePlaces(gl), atlas: makeAtlas(gl, image) };
}

function makeProgram(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, vertexSource],
    [gl.FRAGMENT_SHADER, fragmentSource],
  ] as const) {
    const shader = gl.createShader(kind) as WebGLShader;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader); // it goes with the program
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`the vehicles' shaders: ${gl.getProgramInfoLog(program)}`);
  }
  return program;
}

function makePlaces(gl: WebGL2RenderingContext): Pick<Drawing, "places" | "buffer"> {
  const places = gl.createVertexArray();
  const buffer = gl.createBuffer();
  gl.bindVertexArray(places);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  const bytes = stride * 4;
  gl.vertexAttribPointer(0, 4, gl.FLOAT, false, bytes, 0);
  gl.vertexAttribPointer(1, 3, gl.FLOAT, false, bytes, 16);
  gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, bytes, 28);
  for (const at of [0, 1, 2]) {
    gl.enableVertexAttribArray(at);
    gl.vertexAttribDivisor(at, 1);
  }
  return { places, buffer };
}

function makeAtlas(gl: WebGL2RenderingContext, image: ReturnType<typeof drawAtlas>): WebGLTexture {
  const atlas = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, atlas);
  gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const { width, height, data } = image;
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, width, height, 0, gl.RED, gl.UNSIGNED_BYTE, data);
  for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
    gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
  }
  for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
    gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
  }
  return atlas;
}
