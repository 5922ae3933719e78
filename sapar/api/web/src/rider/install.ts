/** The browser's offer to put the page on the home screen, kept for the rider's own moment. */
import { signal } from "@preact/signals";

export interface InstallEvent extends Event {
  prompt(): Promise<void>;
}

export const offer = signal<InstallEvent | null>(null);
