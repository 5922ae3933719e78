import * as state from "../../shell/state";
import { DepotChoice } from "./depots";
import { Ghosts } from "./ghosts";
import { Routes } from "./routes";
import { States } from "./states";

/** What decides which vehicles the map and the list show; folded away where the screen is narrow. */
export function Side() {
  return (
    <div class={`side ${state.menuShown.value ? "is-open" : ""}`}>
      <DepotChoice />
      <States />
      <Ghosts />
      <Routes />
    </div>
  );
}
