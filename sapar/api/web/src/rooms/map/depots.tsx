import { useEffect } from "preact/hooks";
import { t } from "../../i18n";
import { SelectField } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { may } from "../../shell/me";
import { depot } from "./filters";

interface Depots {
  readonly depots: readonly { readonly depot_id: string; readonly name: string }[];
}

const renewed_ms = 300_000;

/** Shows the vehicles of one depot; nothing where the city has told of none. */
export function DepotChoice() {
  const path = may("viewer") ? "/api/dispatch/depots.json" : null;
  const found = useResource<Depots>(path, { every_ms: renewed_ms });
  const depots = found.data?.depots ?? [];
  useEffect(() => {
    // of another city, or gone since the address was kept: nothing would be on the map
    if (found.data && !depots.some((one) => one.depot_id === depot.peek())) depot.value = null;
  }, [found.data]);
  if (depots.length === 0 && depot.value === null) return null;
  return (
    <section class="depots">
      <SelectField
        label={t("depot")}
        value={depot.value ?? ""}
        none={t("allDepots")}
        choices={depots.map(({ depot_id, name }) => ({ value: depot_id, name }))}
        onValue={(value) => {
          depot.value = value || null;
        }}
      />
    </section>
  );
}
