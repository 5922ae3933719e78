/** The trail of the selected bus: its true fixes, fetched when it is asked for. */
import { effect, signal } from "@preact/signals";
import { getJson } from "../kit/api";
import { failed } from "../kit/toast";
import * as state from "../shell/state";

/** City's time, latitude, longitude, metres a second or null. */
export type TrailPoint = readonly [number, number, number, number | null];

/** Whether the trail is shown; it goes with the selection from bus to bus. */
export const trailShown = signal(false);
export const trail = signal<{
  readonly vehicle_id: string;
  readonly points: readonly TrailPoint[];
} | null>(null);

const minutes = 30;
const renew_ms = 10_000;

/** Keeps the trail of the selected bus current while it is shown. */
export function followTrail(): () => void {
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = effect(() => {
    const id = state.selectedBus.value;
    clearInterval(timer);
    if (trail.peek()?.vehicle_id !== id || !trailShown.value) trail.value = null;
    if (id === null || !trailShown.value) return;
    const fetchTrail = async (): Promise<void> => {
      try {
        const path = `/api/vehicles/${encodeURIComponent(id)}/trail`;
        const found = await getJson<NonNullable<typeof trail.value>>(path, { query: { minutes } });
        if (state.selectedBus.peek() === id && trailShown.peek()) trail.value = found;
      } catch (error) {
        failed(error);
        trailShown.value = false;
      }
    };
    void fetchTrail();
    timer = setInterval(() => !document.hidden && void fetchTrail(), renew_ms);
  });
  return () => {
    stop();
    clearInterval(timer);
  };
}
