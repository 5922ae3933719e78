/** Small pieces that several views show. */
import type { ComponentChildren } from "preact";
import { routeName } from "./say";
import { segmentsOf } from "./times";
import type { Route } from "./types";
import { named, t } from "./words";

const paths = {
  back: "M15 5l-7 7 7 7",
  star: "M12 3l2.7 5.8 6.3.8-4.6 4.3 1.2 6.2L12 17l-5.6 3.1 1.2-6.2L3 9.6l6.3-.8z",
  stops: "M7 21V3h10v6H7M4 21h8",
  alerts: "M12 4l9 16H3zM12 10v4M12 16.5v.5",
  card: "M3 6h18v12H3zM3 10h18",
  settings: "M4 7h16M4 17h16M9 4v6M15 14v6",
  place: "M12 21c-4-5-6-8-6-11a6 6 0 0112 0c0 3-2 6-6 11zM12 12a2 2 0 100-4 2 2 0 000 4z",
  chair: "M10 4a1 1 0 100 .1M10 8v6h5l3 5M10 10h5M7 12a5 5 0 106 7",
  bell: "M6 17V11a6 6 0 0112 0v6l2 2H4zM10 21h4",
  map: "M4 6l5-2 6 2 5-2v14l-5 2-6-2-5 2zM9 4v14M15 6v14",
  report: "M4 4h16v12H9l-5 4zM12 7v4M12 13v.5",
  close: "M6 6l12 12M18 6L6 18",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, filled = false }: { name: IconName; filled?: boolean }) {
  return (
    <svg class={`icon ${filled ? "filled" : ""}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

/** The number of a route. Its colour is a bar beside it, so that any colour can be read. */
export function Chip({
  route,
  spoken = false,
}: {
  route: Route | undefined;
  /** Whether a screen reader says "route" before the number. */
  spoken?: boolean;
}) {
  const color = route?.color ? `#${route.color}` : "var(--edge)";
  return (
    <span class="chip">
      <svg class="bar" viewBox="0 0 4 10" preserveAspectRatio="none" aria-hidden="true">
        <rect width="4" height="10" fill={color} />
      </svg>
      {spoken ? (
        <>
          <span aria-hidden="true">{routeName(route)}</span>
          <span class="spoken">{t("spokenRoute", { route: routeName(route) })}</span>
        </>
      ) : (
        routeName(route)
      )}
    </span>
  );
}

/** How full a bus is: four segments and a word; dashed when nobody counts. */
export function Crowd({ occupancy }: { occupancy: string | null }) {
  const filled = segmentsOf(occupancy);
  if (occupancy === null || filled === null) return null;
  return (
    <span class="crowd">
      <svg viewBox="0 0 34 10" aria-hidden="true">
        {[0, 1, 2, 3].map((at) => (
          <rect
            key={at}
            x={at * 9 + 0.5}
            y={0.5}
            width={6}
            height={9}
            class={at < filled ? "on" : ""}
          />
        ))}
      </svg>
      {named("crowd", occupancy, "crowdUnknown")}
    </span>
  );
}

/** A line that says what is wrong, or what to know. */
export function Notice({
  children,
  urgent = false,
}: {
  children: ComponentChildren;
  urgent?: boolean;
}) {
  return (
    <p class={`notice ${urgent ? "urgent" : ""}`} role={urgent ? "alert" : "status"}>
      {children}
    </p>
  );
}

/** Grey rows in the place of what is coming. */
export function Loading({ rows }: { rows: number }) {
  return (
    <div class="loading" role="status" aria-label={t("loading")}>
      {Array.from({ length: rows }, (_, at) => (
        <i key={at} />
      ))}
    </div>
  );
}

/** The heading of a view; it takes the focus when the view opens. */
export function Title({ children }: { children: ComponentChildren }) {
  return <h1 tabIndex={-1}>{children}</h1>;
}
