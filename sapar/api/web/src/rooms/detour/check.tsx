import { useState } from "preact/hooks";
import { CheckField, TextField } from "../../kit/fields";
import { whyFrozen } from "../../kit/states";
import * as state from "../../shell/state";
import { aboutWhat, routeName } from "../acts/about";
import { CauseField, PeriodFields } from "../acts/choosing";
import { decide } from "../acts/doing";
import { Boarded, Riders, Warnings } from "../acts/effect";
import type { Looked } from "../acts/looking";
import { t as say } from "../acts/messages";
import { Line } from "./draw";
import { draw, drawing, placeOn } from "./drawing";
import { t } from "./messages";
import { along, cause, decided, own, period, reason, route, step, what, whatFor } from "./stage";

const near_m = 60;

/** Third step: what it means, for whom, how long; then it is put in force. */
export function CheckStep({ looked }: { looked: Looked }) {
  const [busy, setBusy] = useState(false);
  const { preview } = looked;
  const frozen = whyFrozen();
  const ready = preview !== null && preview.lines.length > 0 && reason.value.trim() !== "";
  const submit = async (): Promise<void> => {
    if (!ready || busy || frozen || what.value === null) return;
    setBusy(true);
    const made: string[] = [];
    for (const id of [route.value ?? "", ...along.value]) {
      const act = id === route.value ? what.value : whatFor(id, []);
      if (act === null) continue;
      const alert = id === route.value ? own.value : null;
      const decision = { what: act, ...period.value, cause: cause.value, reason: reason.value };
      if ((await decide({ ...decision, alert }, aboutWhat(act))) !== null) made.push(id);
    }
    setBusy(false);
    if (made.length > 0) {
      decided.value = made;
      step.value = "tell";
    }
  };
  return (
    <form
      class="detour-step"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {looked.error && <p role="alert">{looked.error.message}</p>}
      {preview && (
        <>
          <Warnings of={preview} />
          {preview.lines.map((line) => (
            <Line key={`${line.direction} ${line.headsign}`} line={line} />
          ))}
          <p>{say("runsTouched", { n: preview.runs_total })}</p>
          {preview.stop_ids.length > 0 && (
            <Boarded
              stops={preview.stop_ids}
              {...period.value}
              route_id={along.value.size === 0 ? route.value : null}
            />
          )}
        </>
      )}
      <Served />
      {preview && preview.neighbours.length > 0 && (
        <fieldset>
          <legend>{t("others")}</legend>
          {preview.neighbours.map((one) => {
            const values = { route: routeName(one.route_id), metres: one.shared_m };
            return one.fits ? (
              <CheckField
                key={one.route_id}
                label={t("leadToo", values)}
                checked={along.value.has(one.route_id)}
                onChecked={(on) => {
                  const next = new Set(along.value);
                  if (on) next.add(one.route_id);
                  else next.delete(one.route_id);
                  along.value = next;
                }}
              />
            ) : (
              <p key={one.route_id} class="act-note">
                {t("cannotLead", values)}
              </p>
            );
          })}
        </fieldset>
      )}
      <PeriodFields
        {...period.value}
        onFrom={(from_s) => {
          period.value = { ...period.value, from_s };
        }}
        onUntil={(until_s) => {
          period.value = { ...period.value, until_s };
        }}
      />
      <CauseField
        value={cause.value}
        onValue={(name) => {
          cause.value = name;
          own.value = null;
        }}
      />
      <TextField
        label={say("reason")}
        hint={say("reasonHint")}
        required
        maxLength={200}
        value={reason.value}
        onValue={(text) => {
          reason.value = text;
        }}
      />
      {preview && (
        <section class="act-look">
          <h3>{say("riders")}</h3>
          <Riders
            drafted={preview.alert}
            published={preview.alert_published}
            own={own.value}
            onOwn={(words) => {
              own.value = words;
            }}
          />
        </section>
      )}
      {frozen && <p role="status">{frozen}</p>}
      <footer>
        <button
          type="button"
          onClick={() => {
            step.value = "draw";
          }}
        >
          {t("back")}
        </button>
        <button type="submit" class="primary" disabled={!ready || busy || frozen !== null}>
          {t("decide")}
        </button>
      </footer>
    </form>
  );
}

/** Stops beside the way round that buses could serve instead. */
function Served() {
  const { path, served } = drawing.value;
  const id = route.value;
  if (path.length < 2 || id === null) return null;
  const places = state.network.value.stops
    .filter((stop) => !stop.routes.includes(id))
    .map((stop) => ({ stop, ...placeOn(path, [stop.lat, stop.lon]) }))
    .filter(({ off_m }) => off_m <= near_m)
    .sort((a, b) => a.along_m - b.along_m);
  if (places.length === 0) return null;
  return (
    <fieldset>
      <legend>{t("replacement")}</legend>
      <p class="act-note">{t("replacementHint")}</p>
      {places.map(({ stop }) => (
        <CheckField
          key={stop.id}
          label={`${stop.name} · ${stop.id}`}
          checked={served.includes(stop.id)}
          onChecked={(on) => {
            const wanted = on ? [...served, stop.id] : served.filter((one) => one !== stop.id);
            // In the order of the way, whatever the order in which they were ticked.
            draw({
              served: places.map((one) => one.stop.id).filter((one) => wanted.includes(one)),
            });
          }}
        />
      ))}
    </fieldset>
  );
}
