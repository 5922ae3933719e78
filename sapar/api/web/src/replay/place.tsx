/** The place of the replay bar below every room; its code is fetched with the first replay. */
import { batch, signal, useSignalEffect } from "@preact/signals";
import type { ComponentType } from "preact";
import * as state from "../shell/state";
import { moment } from "./moment";

const bar = signal<ComponentType | null>(null);

export function ReplayPlace() {
  useSignalEffect(() => {
    const on = moment.value !== null;
    document.documentElement.toggleAttribute("data-replay", on);
    if (on === state.replaying.peek()) return;
    batch(() => {
      state.replaying.value = on;
      if (!on) {
        state.fleet.value = state.live.peek().fleet;
        state.desk.value = state.live.peek().desk;
      }
    });
    if (on && bar.peek() === null) {
      void import("./bar").then((module) => {
        bar.value = module.Bar;
      });
    }
  });
  const Bar = bar.value;
  return moment.value !== null && Bar ? <Bar /> : null;
}
