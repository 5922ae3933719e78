/** Charts: uPlot, with the colours of the theme. Fetched with the rooms that draw charts. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { palettes } from "../map/colours";
import * as state from "../shell/state";

/** A colour by its meaning; a second cue (dash, marker, label) must tell it too. */
export type Tone = "ink" | "ink2" | "muted" | "cold2" | "cold1" | "even" | "warm1" | "warm2";

export interface Series {
  readonly name: string;
  readonly tone: Tone;
  readonly values: readonly (number | null)[];
  readonly dash?: readonly number[];
  readonly width_px?: number;
  /** "line" by default. */
  readonly kind?: "line" | "step" | "bars" | "points";
  /** How a value is read out: "12 min". */
  readonly text?: (value: number) => string;
  /** Fill down to the axis. */
  readonly fill?: boolean;
}

export interface ChartProps {
  /** What the chart shows, for screen readers; a table with the same figures belongs beside it. */
  readonly label: string;
  /** The x values, rising: Unix seconds when `time`, else numbers. */
  readonly x: readonly number[];
  readonly series: readonly Series[];
  /** What the x axis counts, for the line that reads out what the pointer is on: "Hour". */
  readonly xName?: string;
  readonly time?: boolean;
  readonly height_px?: number;
  readonly xText?: (value: number) => string;
  readonly yText?: (value: number) => string;
  /** Ends of the y axis; null leaves an end to the data. */
  readonly yRange?: readonly [number | null, number | null];
  readonly onPick?: (index: number) => void;
  /** Draw on top, e.g. bands and notes; coordinates by `u.valToPos(v, "x", true)`. */
  readonly draw?: (u: uPlot) => void;
}

/** The theme's colour of a tone, for use on a canvas. */
export function toneColour(tone: Tone): string {
  const palette = palettes[state.theme.value];
  if (tone === "ink" || tone === "ink2" || tone === "muted") return palette[tone];
  return palette.tones[tone];
}

const font = '13px "IBM Plex Sans"';

function axis(text: ((value: number) => string) | undefined): uPlot.Axis {
  const palette = palettes[state.theme.value];
  return {
    stroke: palette.ink2,
    font,
    grid: { stroke: palette.hair, width: 1 },
    ticks: { stroke: palette.hair, width: 1 },
    ...(text ? { values: (_u: uPlot, splits: number[]) => splits.map(text) } : {}),
  };
}

/** An axis at the side is as wide as its longest text. */
function sideAxis(text: ((value: number) => string) | undefined): uPlot.Axis {
  return {
    ...axis(text),
    size: (u, values) => {
      u.ctx.font = font;
      const widths = (values ?? []).map((one) => u.ctx.measureText(one).width);
      return Math.ceil(Math.max(24, ...widths)) + 18;
    },
  };
}

function paths(kind: Series["kind"]): uPlot.Series.PathBuilder | undefined {
  const builders = uPlot.paths;
  if (kind === "bars") return builders.bars?.({ size: [0.7, 60] });
  if (kind === "step") return builders.stepped?.({ align: 1 });
  if (kind === "points") return () => null;
  return undefined;
}

function oneSeries(series: Series): uPlot.Series {
  const colour = toneColour(series.tone);
  const builder = paths(series.kind);
  return {
    label: series.name,
    stroke: colour,
    width: series.width_px ?? 2,
    spanGaps: false, // a hole in the data is a hole
    ...(series.dash ? { dash: [...series.dash] } : {}),
    ...(series.kind === "bars" || series.fill ? { fill: `${colour}66` } : {}),
    ...(builder ? { paths: builder } : {}),
    points: { show: series.kind === "points", size: 6, fill: colour },
    value: (_u, value) => (value === null ? "–" : (series.text?.(value) ?? String(value))),
  };
}

/** Draws series over one axis; the legend below reads out what the pointer is on. */
export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = state.theme.value;
  const height = props.height_px ?? 240;
  const shape = JSON.stringify(
    props.series.map(({ values: _values, text: _text, ...rest }) => rest),
  );
  const data = [props.x, ...props.series.map((one) => one.values)] as unknown as uPlot.AlignedData;
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const [low, high] = props.yRange ?? [null, null];
    const made = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height,
        tzDate: (unix_s) => inZone(unix_s),
        scales: {
          x: { time: props.time ?? false },
          y: { range: (_u, min, max) => [low ?? min, high ?? niceTop(min, max)] },
        },
        axes: [axis(props.xText), sideAxis(props.yText)],
        series: [
          {
            label: props.xName ?? "x",
            ...(props.xText ? { value: (_u, value) => latest.current.xText?.(value) ?? "" } : {}),
          },
          ...props.series.map(oneSeries),
        ],
        cursor: { points: { size: 8 }, drag: { x: false, y: false } },
        hooks: { draw: [(u) => latest.current.draw?.(u)] },
      },
      data,
      element,
    );
    plot.current = made;
    const pick = (): void => {
      const index = made.cursor.idx;
      if (index !== null && index !== undefined) latest.current.onPick?.(index);
    };
    made.over.addEventListener("click", pick);
    const observer = new ResizeObserver(() => {
      made.setSize({ width: Math.max(200, element.clientWidth), height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [theme, shape, height, props.time]);

  useEffect(() => {
    plot.current?.setData(data);
  }, [props.x, props.series]);

  return <figure class="chart" aria-label={props.label} ref={place} />;
}

function niceTop(min: number, max: number): number {
  return max === min ? max + 1 : max + (max - Math.min(0, min)) * 0.05;
}

function inZone(unix_s: number): Date {
  return uPlot.tzDate(new Date(unix_s * 1000), state.agency.value?.timezone ?? "UTC");
}
