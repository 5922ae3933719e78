/** Asking for the fleet, where there is no stream. */
import { Refused } from "./stream";
import type { Fleet } from "./types";

const timeout_ms = 4000;

/** The state and its age in wall seconds; "waiting" when the server has none of the city yet. */
export type Asked = { readonly fleet: Fleet; readonly age_s: number } | "waiting";

/**
 * Asks once.
 *
 * @throws Refused when the person may not see it; Error when there is no good answer in time
 */
export async function ask(url: string, stop: AbortSignal): Promise<Asked> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeout_ms)]);
  const response = await fetch(url, { cache: "no-store", signal });
  if (response.status === 503) {
    const code = ((await response.json()) as { error?: { code?: string } }).error?.code;
    if (code !== "no_tick") throw new Error(code ?? "503");
    return "waiting";
  }
  if (response.status === 401 || response.status === 403) throw new Refused(response.status);
  if (!response.ok) throw new Error(String(response.status));
  const age_s = Number(response.headers.get("Sapar-Tick-Age") ?? 0);
  return { fleet: (await response.json()) as Fleet, age_s };
}
