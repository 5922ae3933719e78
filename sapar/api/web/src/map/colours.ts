/** Colours of the map for both themes: the tokens of styles/tokens.css, for use outside CSS. */
import type { Tone } from "../domain/look";

export type Theme = "dark" | "light";

export interface Palette {
  readonly ground: string;
  readonly ink: string;
  readonly ink2: string;
  readonly muted: string;
  readonly raised: string;
  readonly hair: string;
  readonly tones: Readonly<Record<Exclude<Tone, "route">, string>>;
}

export const palettes: Readonly<Record<Theme, Palette>> = {
  dark: {
    ground: "#1C1F23",
    ink: "#E8EAEC",
    ink2: "#B9C0C7",
    muted: "#9CA5AE",
    raised: "#31363C",
    hair: "#3A4047",
    tones: {
      cold2: "#5AA9F0",
      cold1: "#9CC4E8",
      even: "#AEB5BC",
      warm1: "#D9B98A",
      warm2: "#E69F00",
      age1: "#A9B0B8",
      age2: "#858E97",
    },
  },
  light: {
    ground: "#DFE2E5",
    ink: "#16191D",
    ink2: "#3D444B",
    muted: "#50585F",
    raised: "#FFFFFF",
    hair: "#CFD3D7",
    tones: {
      cold2: "#0B5CAD",
      cold1: "#4F83B5",
      even: "#5F676F",
      warm1: "#8F7040",
      warm2: "#B86300",
      age1: "#4D555D",
      age2: "#667079",
    },
  },
};

/** Mixes two hex colours; `share` of the first. */
export function mix(first: string, second: string, share: number): string {
  const parts = [1, 3, 5].map((at) => {
    const a = Number.parseInt(first.slice(at, at + 2), 16);
    const b = Number.parseInt(second.slice(at, at + 2), 16);
    return Math.round(a * share + b * (1 - share))
      .toString(16)
      .padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

/** Relative luminance of a hex colour (WCAG 2). */
export function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Contrast ratio of two hex colours (WCAG 2), 1 to 21. */
export function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** A route's colour as a hex colour, or grey for a route without a valid one. */
export function routeColour(color: string, palette: Palette): string {
  return /^[0-9a-f]{6}$/i.test(color) ? `#${color}` : palette.muted;
}

/** A route's colour quietened for its line: the network is the background, not the message. */
export function lineColour(color: string, palette: Palette): string {
  return mix(mix(routeColour(color, palette), palette.muted, 0.45), palette.ground, 0.65);
}

/** A route's colour for a glyph, moved towards ink until it stands out from the ground (3:1). */
export function glyphColour(color: string, palette: Palette): string {
  const own = routeColour(color, palette);
  for (const share of [1, 0.85, 0.7, 0.55, 0.4]) {
    const candidate = mix(own, palette.ink, share);
    if (contrast(candidate, palette.ground) >= 3) return candidate;
  }
  return palette.ink;
}

/** Background and text of a route's chip: its own pair where it can be read, else a readable text. */
export function chipColours(
  color: string,
  text: string,
  palette: Palette,
): { background: string; text: string } {
  const background = routeColour(color, palette);
  const own = /^[0-9a-f]{6}$/i.test(text) ? `#${text}` : null;
  if (own && contrast(own, background) >= 4.5) return { background, text: own };
  const dark = contrast("#101214", background);
  return { background, text: dark >= contrast("#FFFFFF", background) ? "#101214" : "#FFFFFF" };
}
