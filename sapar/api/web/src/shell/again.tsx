/** The session's end under a person: the room stays, with its draft, and only the password is asked. */
import { type ComponentType, h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { askWhoIAm, me, timedOut } from "./me";

const ask_ms = 60_000;

/** Tells the server, once a minute at most, that somebody is at the page: looking on is no sign. */
export function followActivity(agency: () => string | null): void {
  let asked_ms = performance.now();
  const seen = (): void => {
    const now_ms = performance.now();
    const id = agency();
    if (id === null || !me.peek() || timedOut.peek() || now_ms - asked_ms < ask_ms) return;
    asked_ms = now_ms;
    // What the network swallowed is said again after the next key.
    askWhoIAm(`/${id}`).catch(() => undefined);
  };
  for (const kind of ["pointerdown", "keydown"]) {
    addEventListener(kind, seen, { capture: true, passive: true });
  }
}

/** The dialog, fetched when it is first needed. */
export function Again() {
  const [View, setView] = useState<ComponentType | null>(null);
  const needed = timedOut.value;
  useEffect(() => {
    if (needed && View === null) {
      void import("../rooms/sign-in/again").then(({ AgainDialog }) => setView(() => AgainDialog));
    }
  }, [needed, View]);
  return View === null ? null : h(View, null);
}
