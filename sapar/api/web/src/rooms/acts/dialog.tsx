/** The dialogs of dispatch: choose what it is about, see what it will do, say why, do it. */
import { useState } from "preact/hooks";
import { type ActRequest, asked } from "../../desk/acting";
import type { AlertContent, Run, What } from "../../desk/types";
import { t as say } from "../../i18n";
import { Dialog } from "../../kit/dialog";
import { citySeconds, MomentField, Switch, TextField } from "../../kit/fields";
import { whyFrozen } from "../../kit/states";
import { clockText } from "../../kit/when";
import * as state from "../../shell/state";
import { aboutWhat, routeName } from "./about";
import {
  BusField,
  CauseField,
  PeriodFields,
  RouteField,
  RunField,
  StopsField,
  useRuns,
} from "./choosing";
import { decide } from "./doing";
import { Effect, Riders } from "./effect";
import { usePreview } from "./looking";
import { t } from "./messages";
import "./room.css";

/** The dialog that was asked for. */
export function ActDialog() {
  const request = asked.value;
  return request ? <One key={JSON.stringify(request)} request={request} /> : null;
}

interface Draft {
  readonly route_id: string;
  readonly run_key: string;
  readonly run: Run | null;
  readonly stops: readonly string[];
  readonly bus: string;
  readonly start_s: number | null;
  readonly whole_block: boolean;
}

function firstDraft(request: ActRequest): Draft {
  const bus = state.fleet.value?.vehicles.find((one) => one.id === request.vehicle_id);
  const now_s = state.cityTime.peek() ?? 0;
  return {
    route_id: request.route_id ?? bus?.route_id ?? "",
    run_key: "",
    run: null,
    stops: request.stop_ids ?? [],
    bus: request.kind === "swap" || request.kind === "extra" ? (request.vehicle_id ?? "") : "",
    start_s: Math.ceil(now_s / 300) * 300 + 300,
    whole_block: false,
  };
}

/** The act that a draft means, or null while something is missing. */
export function whatOf(kind: ActRequest["kind"], draft: Draft): What | null {
  const { run } = draft;
  const named = run && {
    trip_id: run.trip_id,
    service_date: run.service_date,
    ...(run.start_s === null ? {} : { start_s: run.start_s }),
  };
  if (kind === "skip") {
    if (draft.stops.length === 0) return null;
    const where = named ?? (draft.route_id === "" ? {} : { route_id: draft.route_id });
    return { kind, stop_ids: draft.stops, ...where };
  }
  if (!run || !named) return null;
  if (kind === "cancel") return { kind, ...named };
  if (kind === "swap") {
    if (draft.bus.trim() === "") return null;
    const { service_date } = run;
    return draft.whole_block && run.block_id !== null
      ? { kind, vehicle_id: draft.bus.trim(), service_date, block_id: run.block_id }
      : { kind, vehicle_id: draft.bus.trim(), service_date, trip_id: run.trip_id };
  }
  if (draft.start_s === null || run.first_s === null) return null;
  const bus = draft.bus.trim();
  const start_s = dayStart(run, draft.start_s);
  return {
    kind,
    trip_id: `extra-${run.service_date}-${start_s}-${run.trip_id}`,
    service_date: run.service_date,
    copy_of: run.trip_id,
    start_s,
    ...(bus === "" ? {} : { vehicle_id: bus }),
  };
}

/** Seconds of the run's service day at which a moment lies: they count from twelve hours before noon. */
export function dayStart(run: Run, at_s: number): number {
  const zone = state.agency.peek()?.timezone ?? "UTC";
  return at_s - (citySeconds(`${run.service_date}T12:00`, zone) ?? at_s) + 43_200;
}

function One({ request }: { request: ActRequest }) {
  const { kind } = request;
  const [draft, setDraft] = useState(() => firstDraft(request));
  const [period, setPeriod] = useState<{ from_s: number | null; until_s: number | null }>({
    from_s: null,
    until_s: null,
  });
  const [cause, setCause] = useState("OTHER_CAUSE");
  const [reason, setReason] = useState("");
  const [own, setOwn] = useState<AlertContent | null>(null);
  const [busy, setBusy] = useState(false);
  const change = (part: Partial<Draft>): void => {
    setDraft((now) => ({ ...now, ...part }));
    setOwn(null);
  };
  const what = whatOf(kind, draft);
  const looked = usePreview(what, period, cause);
  const frozen = whyFrozen();
  const close = (): void => {
    asked.value = null;
  };
  const ready = what !== null && looked.preview !== null && reason.trim() !== "" && !frozen;
  const submit = async (): Promise<void> => {
    if (!ready || what === null || busy) return;
    setBusy(true);
    const time =
      kind === "extra"
        ? clockText(draft.start_s ?? 0, false)
        : draft.run?.first_s
          ? clockText(draft.run.first_s, false)
          : "";
    const about = aboutWhat(what, routeName(draft.route_id), time);
    const act_id = await decide({ what, ...period, cause, reason, alert: own }, about);
    setBusy(false);
    if (act_id !== null) close();
  };
  return (
    <Dialog
      open
      wide
      title={t(kind)}
      onClose={close}
      actions={
        <>
          <button type="button" onClick={close}>
            {say("close")}
          </button>
          <button
            type="submit"
            form="act"
            class="primary"
            disabled={!ready || busy}
            title={frozen ?? ""}
          >
            {t("decide")}
          </button>
        </>
      }
    >
      <form
        id="act"
        class="act-form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <div class="act-fields">
          <Fields kind={kind} draft={draft} change={change} request={request} />
          {kind === "skip" && draft.run === null && (
            <PeriodFields
              {...period}
              onFrom={(from_s) => setPeriod({ ...period, from_s })}
              onUntil={(until_s) => setPeriod({ ...period, until_s })}
            />
          )}
          {kind !== "swap" && kind !== "extra" && <CauseField value={cause} onValue={setCause} />}
          <TextField
            label={t("reason")}
            hint={t("reasonHint")}
            required
            maxLength={200}
            value={reason}
            onValue={setReason}
          />
          {frozen && <p role="status">{frozen}</p>}
        </div>
        <section class="act-look" aria-live="polite">
          <h3>{t("effect")}</h3>
          <Effect of={looked} />
          {looked.preview && (
            <>
              <h3>{t("riders")}</h3>
              <Riders
                drafted={looked.preview.alert}
                published={looked.preview.alert_published}
                own={own}
                onOwn={setOwn}
              />
            </>
          )}
        </section>
      </form>
    </Dialog>
  );
}

function Fields(props: {
  kind: ActRequest["kind"];
  draft: Draft;
  change: (part: Partial<Draft>) => void;
  request: ActRequest;
}) {
  const { kind, draft, change, request } = props;
  const runs = useRuns(draft.route_id);
  const anyRun = kind === "skip";
  return (
    <>
      {kind === "swap" && (
        <BusField label={t("bus")} required value={draft.bus} onValue={(bus) => change({ bus })} />
      )}
      <RouteField
        value={draft.route_id}
        required={!anyRun}
        {...(anyRun ? { none: t("allRoutes") } : {})}
        onValue={(route_id) => change({ route_id, run: null, run_key: "" })}
      />
      {(draft.route_id !== "" || !anyRun) && (
        <RunField
          label={kind === "extra" ? t("copyOf") : t("run")}
          runs={runs}
          value={draft.run_key}
          required={!anyRun}
          {...(anyRun ? { none: t("wholeRoute") } : {})}
          trip_id={request.trip_id ?? null}
          onValue={(run_key, run) => change({ run_key, run })}
        />
      )}
      {anyRun && (
        <StopsField
          route_id={draft.route_id}
          chosen={draft.stops}
          onChosen={(stops) => change({ stops })}
        />
      )}
      {kind === "extra" && (
        <>
          <MomentField
            label={t("startsAt")}
            required
            value={draft.start_s}
            onValue={(start_s) => change({ start_s })}
            timezone={state.agency.value?.timezone ?? "UTC"}
          />
          <BusField label={t("busOptional")} value={draft.bus} onValue={(bus) => change({ bus })} />
        </>
      )}
      {kind === "swap" && draft.run?.block_id && (
        <Switch
          label={t("takesOver")}
          value={draft.whole_block ? "block" : "trip"}
          choices={[
            { value: "trip", name: t("oneTrip") },
            { value: "block", name: t("wholeBlock", { block: draft.run.block_id }) },
          ]}
          onValue={(value) => change({ whole_block: value === "block" })}
        />
      )}
    </>
  );
}
