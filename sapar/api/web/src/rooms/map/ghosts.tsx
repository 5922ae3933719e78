import { t } from "../../i18n";
import { Chip } from "../../kit/chip";
import { clockText } from "../../kit/when";
import * as state from "../../shell/state";

/** The runs without a bus, worst first: they are on no map, so they stand beside it. */
export function Ghosts() {
  if (state.desk.value === null) return null;
  const ghosts = [...state.desk.value.ghosts].sort((a, b) => a.since_s - b.since_s);
  return (
    <details class="ghosts" open={ghosts.length > 0 && ghosts.length <= 8}>
      <summary>
        <h2>{t("ghosts")}</h2>
        <span class="count">{ghosts.length}</span>
      </summary>
      {ghosts.length === 0 && <p>{t("ghostsNone")}</p>}
      <ul>
        {ghosts.map((ghost) => (
          <li key={ghost.trip_id}>
            <button
              type="button"
              class="bare"
              aria-pressed={state.selectedTrip.value === ghost.trip_id}
              onClick={() => state.select({ trip: ghost.trip_id })}
            >
              <Chip
                id={ghost.route_id}
                name={state.network.value.routeById.get(ghost.route_id)?.name ?? ghost.route_id}
              />
              <span>{clockText(ghost.start_s, false)}</span>
              <span class="long">{t(`ghost_${ghost.reason}`)}</span>
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}
