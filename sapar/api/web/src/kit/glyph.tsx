import type { Shape, Tone } from "../domain/look";
import { glyphPath } from "../map/glyphs";

/** A vehicle's glyph outside the map: legend, list and panel show what the map shows. */
export function Glyph(props: {
  shape: Shape;
  tone: Tone;
  hollow?: boolean;
  colour?: string;
  turn?: number;
}) {
  return (
    <svg
      class={`glyph tone-${props.tone} ${props.hollow ? "is-hollow" : ""}`}
      viewBox="-24 -24 48 48"
      aria-hidden="true"
      {...(props.colour ? { style: { color: props.colour } } : {})}
    >
      <path d={glyphPath(props.shape)} transform={`rotate(${props.turn ?? 0})`} />
    </svg>
  );
}
