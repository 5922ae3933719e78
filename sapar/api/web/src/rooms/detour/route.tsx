import { Switch } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { RouteField } from "../acts/choosing";
import type { Ladders } from "../ladder/places";
import { t } from "./messages";
import { direction, route, step } from "./stage";

/** The directions of a route with their stops in order. */
export function useDirections(id: string | null) {
  const ladders = useResource<Ladders>(id === null ? null : "/api/dispatch/ladders.json");
  return ladders.data?.routes.find((one) => one.route_id === id)?.directions ?? [];
}

/** First step: which route, and which way. */
export function RouteStep() {
  const directions = useDirections(route.value);
  return (
    <form
      class="detour-step"
      onSubmit={(event) => {
        event.preventDefault();
        if (route.value !== null) step.value = "draw";
      }}
    >
      <RouteField
        required
        value={route.value ?? ""}
        onValue={(id) => {
          route.value = id === "" ? null : id;
          direction.value = null;
        }}
      />
      {route.value === null && <p class="act-note">{t("chooseFirst")}</p>}
      {directions.length > 1 && (
        <Switch
          label={t("direction")}
          value={direction.value === null ? "" : String(direction.value)}
          choices={[
            { value: "", name: t("bothWays") },
            ...directions.map((one) => ({ value: String(one.direction), name: one.headsign })),
          ]}
          onValue={(value) => {
            direction.value = value === "" ? null : value === "0" ? 0 : 1;
          }}
        />
      )}
      <footer>
        <button type="submit" class="primary" disabled={route.value === null}>
          {t("next")}
        </button>
      </footer>
    </form>
  );
}
