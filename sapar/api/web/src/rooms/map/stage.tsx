import type { StyleSpecification } from "maplibre-gl";
import { useEffect } from "preact/hooks";
import { t } from "../../i18n";
import { IconButton } from "../../kit/icon";
import { MapCanvas, webglWorks } from "../../map/canvas";
import { mapCommands, setMap } from "../../map/commands";
import * as filters from "./filters";
import { Legend } from "./legend";
import { Notice } from "./notice";

async function loadMap() {
  const { VehicleMap } = await import("../../map/vehicles");
  return (element: HTMLElement, below: StyleSpecification | null) =>
    new VehicleMap(element, below, filters.view.value, {
      rows: () => filters.shownRows.value.filter(filters.isOnMap),
      hiddenRoutes: () => filters.hidden.value,
      onMove: (view) => {
        filters.view.value = view;
      },
    });
}

/** The map with its legend and buttons. */
export function Stage() {
  useEffect(() => {
    if (!webglWorks()) filters.webglMissing.value = true;
  }, []);
  return (
    <section class="stage" aria-label={t("live")}>
      <MapCanvas load={loadMap} onMap={setMap} />
      <Notice />
      <div class="map-buttons">
        <IconButton icon="plus" title={t("zoomIn")} onClick={() => mapCommands.zoom(1)} />
        <IconButton icon="minus" title={t("zoomOut")} onClick={() => mapCommands.zoom(-1)} />
        <IconButton icon="fit" title={`${t("fit")} (0)`} onClick={mapCommands.fit} />
      </div>
      <Legend />
    </section>
  );
}
