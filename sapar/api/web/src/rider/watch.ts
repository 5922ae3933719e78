/**
 * "Tell me when it is five minutes away": followed by this page while it is open, and told through
 * the service worker where the rider allows it. Nothing outside the phone knows of a watch, so a
 * page that is closed tells nothing, and the page says so.
 */
import { effect, signal } from "@preact/signals";
import { hrefOf } from "./address";
import { ask } from "./api";
import { asked } from "./board";
import { clockText, routeName, waitText } from "./say";
import { keep, kept } from "./store";
import { isNear, runOf, waitOf } from "./times";
import type { Board, Call } from "./types";
import { t } from "./words";

export const minutesBefore = 5;
const every_ms = 10_000;

export interface Watch {
  readonly stop_id: string;
  readonly stop_name: string;
  readonly run: string;
  readonly route: string;
  /** City's time after which nobody waits any more. */
  readonly until_s: number;
}

export const watches = signal<readonly Watch[]>(kept("watches", []));
/** What was told last, shown on the page too: a phone may keep messages from it. */
export const told = signal<{ readonly title: string; readonly body: string } | null>(null);
export const permission = signal<NotificationPermission>(
  globalThis.Notification?.permission ?? "denied",
);

effect(() => keep("watches", watches.value));

export const isWatched = (call: Call): boolean =>
  watches.value.some((watch) => watch.run === runOf(call));

export async function watchCall(board: Board, call: Call): Promise<void> {
  const route = board.routes.find((one) => one.route_id === call.route_id);
  const last_s = call.latest_s ?? call.arrival_s ?? board.time_s;
  const watch: Watch = {
    stop_id: board.stop.stop_id,
    stop_name: board.stop.name,
    run: runOf(call),
    route: routeName(route),
    until_s: last_s + 1800,
  };
  watches.value = [...watches.value.filter((one) => one.run !== watch.run), watch];
  if (globalThis.Notification && Notification.permission === "default") {
    permission.value = await Notification.requestPermission();
  }
  judge(board);
}

export function unwatch(run: string): void {
  watches.value = watches.value.filter((watch) => watch.run !== run);
}

/** Looks at a board that came, and tells what has become of the runs that are waited for. */
export function judge(board: Board): void {
  for (const watch of watches.value) {
    if (watch.stop_id !== board.stop.stop_id) continue;
    const call = board.arrivals.find((one) => runOf(one) === watch.run);
    const message = call ? messageOf(call, watch, board.time_s) : null;
    const over = board.time_s > watch.until_s || call?.state === "passed";
    if (message) void tell(message.title, message.body, watch);
    if (message || over) unwatch(watch.run);
  }
}

/** What is to be told of a run now; null: nothing yet. */
export function messageOf(call: Call, watch: Watch, now_s: number) {
  const { route, stop_name: stop } = watch;
  if (call.state === "cancelled")
    return { title: t("notifyGone", { route }), body: t("notifyGoneBody", { stop }) };
  if (call.state === "no_signal") {
    const time = clockText(call.no_signal_since_s ?? now_s);
    return { title: t("notifyLost", { route }), body: t("notifyLostBody", { time }) };
  }
  if (!isNear(call, minutesBefore, now_s)) return null;
  const range = waitText(waitOf(call, now_s));
  return { title: t("notifyTitle", { route, range }), body: t("notifyBody", { stop }) };
}

async function tell(title: string, body: string, watch: Watch): Promise<void> {
  told.value = { title, body };
  navigator.vibrate?.([200, 100, 200]);
  if (globalThis.Notification?.permission !== "granted") return;
  const registration = await navigator.serviceWorker?.getRegistration();
  await registration?.showNotification(title, {
    body,
    tag: watch.run,
    data: { url: hrefOf("stop", watch.stop_id) },
  });
}

/** Looks at the boards of all stops where somebody waits, for as long as the page is open. */
export function startWatching(): void {
  const look = async (): Promise<void> => {
    const stops = new Set(watches.value.map((watch) => watch.stop_id));
    for (const id of stops) {
      try {
        judge(await ask<Board>(`/api/stops/${encodeURIComponent(id)}/arrivals`, asked));
      } catch {
        // the next look may go through
      }
    }
    setTimeout(() => void look(), every_ms);
  };
  void look();
}
