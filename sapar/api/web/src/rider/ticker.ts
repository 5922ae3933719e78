/** One clock for the page: wall milliseconds, once a second while somebody looks. */
import { signal } from "@preact/signals";

export const wall_ms = signal(Date.now());
export const online = signal(globalThis.navigator?.onLine ?? true);
export const visible = signal(globalThis.document?.visibilityState !== "hidden");

export function startTicker(): void {
  setInterval(() => {
    if (visible.value) wall_ms.value = Date.now();
  }, 1000);
  document.addEventListener("visibilitychange", () => {
    visible.value = document.visibilityState !== "hidden";
    wall_ms.value = Date.now();
  });
  for (const name of ["online", "offline"]) {
    addEventListener(name, () => {
      online.value = navigator.onLine;
    });
  }
}
