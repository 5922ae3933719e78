/** Where the rider is, asked of the phone only when the rider presses for it. */
import { signal } from "@preact/signals";

export interface Place {
  readonly lat: number;
  readonly lon: number;
}

/** Where the rider was when it was asked last; it never leaves the page but to find stops. */
export const here = signal<Place | null>(null);

export type Trouble = "locationDenied" | "locationInsecure" | "locationFailed";

/** Asks the phone; rejects with the key of what to tell the rider. */
export function locate(): Promise<Place> {
  return new Promise((resolve, reject) => {
    if (!isSecureContext || !navigator.geolocation) {
      reject("locationInsecure" satisfies Trouble);
      return;
    }
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        here.value = { lat: coords.latitude, lon: coords.longitude };
        resolve(here.value);
      },
      (error) => reject(error.code === 1 ? "locationDenied" : "locationFailed"),
      { enableHighAccuracy: false, timeout: 15_000, maximumAge: 30_000 },
    );
  });
}
