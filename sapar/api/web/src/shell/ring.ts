/** The sound of alarms: once for a new one of the first priority, again and again for a panic. */
import { effect, signal } from "@preact/signals";
import { ringing } from "./alarms";

/** Whether the browser lets this page sound; it does once the person has touched the page. */
export const silenced = signal(false);

let context: AudioContext | null = null;

function sound(beats: readonly number[]): void {
  try {
    context ??= new AudioContext();
  } catch {
    return; // a machine without sound: the mark blinks all the same
  }
  silenced.value = context.state !== "running";
  if (silenced.value) return;
  for (const [index, hertz] of beats.entries()) {
    const at = context.currentTime + index * 0.18;
    const tone = context.createOscillator();
    const loudness = context.createGain();
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0.25, at);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.16);
    tone.connect(loudness).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.17);
  }
}

const once = [660, 880] as const;
const panic = [880, 660, 880, 660, 880] as const;
const again_ms = 3000;

/** Rings as long as the page lives. */
export function followRinging(): void {
  const heard = new Set<string>();
  let timer: ReturnType<typeof setInterval> | undefined;
  effect(() => {
    const rows = ringing.value;
    const inPanic = rows.some((row) => row.kind === "panic");
    const isNew = rows.some((row) => !heard.has(row.key));
    for (const row of rows) heard.add(row.key);
    document.documentElement.dataset["ringing"] = inPanic ? "panic" : rows.length > 0 ? "on" : "";
    if (isNew) sound(inPanic ? panic : once);
    if (inPanic && timer === undefined) timer = setInterval(() => sound(panic), again_ms);
    if (!inPanic) {
      clearInterval(timer);
      timer = undefined;
    }
  });
  const wake = (): void => {
    if (context?.state === "suspended") {
      void context.resume().then(() => {
        silenced.value = false;
      });
    }
  };
  addEventListener("pointerdown", wake);
  addEventListener("keydown", wake);
}
