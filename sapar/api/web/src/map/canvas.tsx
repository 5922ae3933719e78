/** Puts a map on the page. The map's library is fetched beside the rest. */
import { effect, signal, untracked } from "@preact/signals";
import type { StyleSpecification } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import * as state from "../shell/state";
import type { NetworkMap } from "./base";

/** Whether this browser can draw the map at all. */
export function webglWorks(): boolean {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

/** The tile server's style that the deployment or the address names, or null. */
async function styleBelow(): Promise<StyleSpecification | null> {
  const asked = new URLSearchParams(location.search).get("style");
  const url = asked ?? state.deployment.value?.map_style_url ?? "";
  if (url === "") return null;
  try {
    const response = await fetch(url);
    return response.ok ? ((await response.json()) as StyleSpecification) : null;
  } catch {
    return null; // the network's own lines are map enough
  }
}

async function fontsReady(): Promise<void> {
  const sample = "Aa Жж Әә ₸ −";
  const wanted = ["400 16px 'IBM Plex Sans'", "600 16px 'IBM Plex Sans'"];
  const loaded = Promise.all(wanted.map((font) => document.fonts.load(font, sample)));
  await Promise.race([loaded, new Promise((resolve) => setTimeout(resolve, 3000))]);
}

/**
 * A map that fills its parent.
 *
 * @param load fetches the code and gives what makes the map: `async () => { const { NetworkMap } =
 *   await import("../../map/base"); return (element, below) => new NetworkMap(element, below, null); }`
 * @param onMap told of each map that was made, and of null when it is gone
 */
export function MapCanvas<M extends NetworkMap>(props: {
  load: () => Promise<(element: HTMLElement, below: StyleSpecification | null) => M>;
  onMap?: (map: M | null) => void;
}) {
  const container = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!webglWorks()) return;
    let stopped = false;
    let remove = (): void => undefined;
    const open = async (): Promise<void> => {
      const [make, below] = await Promise.all([props.load(), styleBelow(), fontsReady()]);
      if (stopped || !container.current) return;
      const element = container.current;
      let map: M | null = null;
      const lost = signal(0);
      // A change of theme makes the map anew: every colour of its style is another one. So does a
      // graphics processor that was away: what a layer of our own had put there is gone.
      const dispose = effect(() => {
        void state.theme.value;
        void lost.value;
        const before = map?.findView();
        map?.remove();
        map = untracked(() => make(element, below));
        if (before) map.stay(before);
        map.map.on("webglcontextrestored", () => {
          lost.value += 1;
        });
        untracked(() => props.onMap?.(map));
      });
      remove = () => {
        dispose();
        map?.remove();
        props.onMap?.(null);
      };
    };
    void open();
    return () => {
      stopped = true;
      remove();
    };
  }, []);
  return <div class="map" ref={container} />;
}
