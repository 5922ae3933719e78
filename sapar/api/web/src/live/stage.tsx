import { effect, untracked } from "@preact/signals";
import type { StyleSpecification } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n";
import * as state from "../shell/state";
import { Legend } from "./legend";
import { Notice } from "./notice";

function webglWorks(): boolean {
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

/** The map with its legend and buttons. The map's library is fetched beside the rest of the page. */
export function Stage() {
  const container = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!webglWorks()) {
      state.webglMissing.value = true;
      return;
    }
    let stopped = false;
    let remove = (): void => undefined;
    const open = async (): Promise<void> => {
      const [module, below] = await Promise.all([
        import("../map/view"),
        styleBelow(),
        fontsReady(),
      ]);
      if (stopped || !container.current) return;
      const element = container.current;
      // A change of theme makes the map anew: every colour of its style is another one.
      const disposeTheme = effect(() => {
        void state.theme.value;
        module.current.view?.remove();
        module.current.view = untracked(() => new module.MapView(element, below));
      });
      remove = () => {
        disposeTheme();
        module.current.view?.remove();
        module.current.view = null;
      };
    };
    void open();
    return () => {
      stopped = true;
      remove();
    };
  }, []);

  return (
    <section class="stage" aria-label={t("live")}>
      <div class="map" ref={container} />
      <Notice />
      <MapButtons />
      <Legend />
    </section>
  );
}

async function withMap(act: (view: import("../map/view").MapView) => void): Promise<void> {
  const { current } = await import("../map/view");
  if (current.view) act(current.view);
}

/** Commands to the map from other parts of the page; nothing happens while there is no map. */
export const mapCommands = {
  fit: () => void withMap((view) => view.fitNetwork()),
  fitRoute: (id: string) => void withMap((view) => view.fitRoute(id)),
  goTo: (lon: number, lat: number) => void withMap((view) => view.goTo(lon, lat)),
  zoom: (by: number) => void withMap((view) => view.zoom(by)),
};

function MapButtons() {
  return (
    <div class="map-buttons">
      <button type="button" class="icon" title={t("zoomIn")} onClick={() => mapCommands.zoom(1)}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M8 3v10M3 8h10" />
        </svg>
        <span class="hidden">{t("zoomIn")}</span>
      </button>
      <button type="button" class="icon" title={t("zoomOut")} onClick={() => mapCommands.zoom(-1)}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M3 8h10" />
        </svg>
        <span class="hidden">{t("zoomOut")}</span>
      </button>
      <button type="button" class="icon" title={`${t("fit")} (0)`} onClick={mapCommands.fit}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4" />
        </svg>
        <span class="hidden">{t("fit")}</span>
      </button>
    </div>
  );
}
