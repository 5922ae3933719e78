import type { ComponentChildren } from "preact";
import { t } from "../i18n";
import { IconButton } from "../kit/icon";
import * as state from "../shell/state";
import { BusPanel } from "./bus";
import { GhostPanel } from "./ghost";
import { StopPanel } from "./stop";

/** What is selected: a bus, a run without one, or a stop. */
export function Panel() {
  if (state.selectedBus.value !== null) return <BusPanel id={state.selectedBus.value} />;
  if (state.selectedTrip.value !== null) return <GhostPanel id={state.selectedTrip.value} />;
  if (state.selectedStop.value !== null) return <StopPanel id={state.selectedStop.value} />;
  return null;
}

/** A line of a panel. */
export function Fact(props: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/** Takes the selection away. */
export function ClosePanel() {
  return (
    <IconButton
      icon="close"
      class="close"
      title={`${t("close")} (Esc)`}
      onClick={() => {
        state.select();
        state.selectedStop.value = null;
      }}
    />
  );
}
