// The icon of the rider's page, drawn here: one list of shapes, as SVG and as PNG in the sizes that
// phones want. The ground reaches the edges and the bus stays in the middle three fifths, so that
// a phone may cut it to any shape.
import { deflateSync } from "node:zlib";
import type { Plugin } from "vite";

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly round: number;
  readonly fill: string;
}

const ground = "#00695c";
const paint = "#ffffff";
const box = (x: number, y: number, width: number, height: number, round: number, fill: string) =>
  ({ x, y, width, height, round, fill }) satisfies Box;

/** In hundredths of the icon's side; later ones lie on top. */
const shapes: readonly Box[] = [
  box(0, 0, 100, 100, 0, ground),
  box(31, 74, 9, 9, 3, paint),
  box(60, 74, 9, 9, 3, paint),
  box(25, 20, 50, 58, 9, paint),
  box(38, 25, 24, 5, 2.5, ground),
  box(30, 34, 40, 24, 3, ground),
  box(49, 34, 2, 24, 0, paint),
  box(31, 65, 9, 6, 3, ground),
  box(60, 65, 9, 6, 3, ground),
];

export function iconSvg(): string {
  const rects = shapes.map(
    ({ x, y, width, height, round, fill }) =>
      `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${round}" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">${rects.join("")}</svg>\n`;
}

const samples = 4;

export function iconPng(size: number): Uint8Array {
  const rows = new Uint8Array(size * (1 + size * 3));
  let at = 0;
  for (let y = 0; y < size; y++) {
    rows[at++] = 0; // no filter
    for (let x = 0; x < size; x++) {
      const sum = [0, 0, 0];
      for (let part = 0; part < samples * samples; part++) {
        const px = ((x + ((part % samples) + 0.5) / samples) / size) * 100;
        const py = ((y + (Math.floor(part / samples) + 0.5) / samples) / size) * 100;
        const fill = colourAt(px, py);
        for (let channel = 0; channel < 3; channel++) {
          sum[channel] =
            (sum[channel] ?? 0) + Number.parseInt(fill.slice(1 + channel * 2, 3 + channel * 2), 16);
        }
      }
      for (const value of sum) rows[at++] = Math.round(value / samples ** 2);
    }
  }
  const head = new DataView(new ArrayBuffer(13));
  head.setUint32(0, size);
  head.setUint32(4, size);
  head.setUint8(8, 8); // bits a channel
  head.setUint8(9, 2); // red, green, blue
  return join([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", new Uint8Array(head.buffer)),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

function colourAt(x: number, y: number): string {
  let fill = ground;
  for (const shape of shapes) if (covers(shape, x, y)) fill = shape.fill;
  return fill;
}

function covers({ x, y, width, height, round }: Box, px: number, py: number): boolean {
  if (px < x || py < y || px > x + width || py > y + height) return false;
  const dx = Math.max(x + round - px, px - (x + width - round), 0);
  const dy = Math.max(y + round - py, py - (y + height - round), 0);
  return dx * dx + dy * dy <= round * round || round === 0;
}

function chunk(name: string, data: Uint8Array): Uint8Array {
  const body = join([new TextEncoder().encode(name), data]);
  const framed = new DataView(new ArrayBuffer(body.length + 8));
  framed.setUint32(0, data.length);
  new Uint8Array(framed.buffer).set(body, 4);
  framed.setUint32(body.length + 4, crc32(body));
  return new Uint8Array(framed.buffer);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Puts the icons into the build as assets. */
export function riderIcons(): Plugin {
  return {
    name: "rider-icons",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", name: "rider-icon.svg", source: iconSvg() });
      for (const size of [192, 512]) {
        this.emitFile({ type: "asset", name: `rider-icon-${size}.png`, source: iconPng(size) });
      }
    },
  };
}
