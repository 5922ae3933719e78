import { openAct } from "../desk/acting";
import { ActButtons } from "../desk/buttons";
import { t } from "../i18n";
import { Chip } from "../kit/chip";
import { whyFrozen } from "../kit/states";
import { Ago, clockText } from "../kit/when";
import { may } from "../shell/me";
import { go } from "../shell/query";
import * as state from "../shell/state";
import { ClosePanel, Fact } from "./panel";

/** A run that the timetable has now and no bus drives: what it should be, and why it is not. */
export function GhostPanel({ id }: { id: string }) {
  const ghost = state.deskNow.value.ghosts.find((one) => one.trip_id === id);
  const route = state.network.value.routeById.get(ghost?.route_id ?? "");
  const why = whyFrozen();
  return (
    <aside class="panel" aria-label={`${t("trip")} ${id}`}>
      <header>
        <h2>{ghost ? t("ghostRun", { time: clockText(ghost.start_s, false) }) : id}</h2>
        {route && <Chip id={route.id} name={route.name} />}
        <ClosePanel />
      </header>
      {!ghost && <p>{t("ghostOver")}</p>}
      {ghost && (
        <>
          <p class="headsign">{ghost.headsign}</p>
          <dl>
            <Fact name={t("ghostReason")}>{t(`ghost_${ghost.reason}`)}</Fact>
            <Fact name={t("missingSince")}>
              {clockText(ghost.since_s, false)}, <Ago since_s={ghost.since_s} />
            </Fact>
            <Fact name={t("nextStop")}>
              {state.network.value.stopById.get(ghost.next_stop_id)?.name ?? ghost.next_stop_id}
            </Fact>
            {ghost.vehicle_id !== null && <Driver id={ghost.vehicle_id} />}
            <Fact name={t("trip")}>
              <code>{ghost.trip_id}</code>
            </Fact>
            {ghost.block_id !== null && (
              <Fact name={t("block")}>
                <code>{ghost.block_id}</code>
              </Fact>
            )}
          </dl>
          <div class="buttons">
            <button
              type="button"
              onClick={() => go({ room: "ladder" }, { r: ghost.route_id, trip: ghost.trip_id })}
            >
              {t("onLadder")}
            </button>
            {may("dispatcher") && (
              <button
                type="button"
                disabled={why !== null}
                title={why ?? undefined}
                onClick={() =>
                  openAct({ kind: "swap", trip_id: ghost.trip_id, route_id: ghost.route_id })
                }
              >
                {t("giveBus")}
              </button>
            )}
            <ActButtons route_id={ghost.route_id} trip_id={ghost.trip_id} />
          </div>
        </>
      )}
    </aside>
  );
}

function Driver({ id }: { id: string }) {
  const row = state.rows.value.find((one) => one.vehicle.id === id);
  return (
    <Fact name={t("ghostBus")}>
      {row ? (
        <button type="button" class="inline" onClick={() => state.select({ bus: id })}>
          {row.vehicle.label ?? id}
        </button>
      ) : (
        id
      )}
    </Fact>
  );
}
