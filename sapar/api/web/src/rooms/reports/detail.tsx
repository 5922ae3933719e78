/** One report: what the rider says, what was known then, and the answer. */
import { signal } from "@preact/signals";
import { type Key, t as say } from "../../i18n";
import { en } from "../../i18n/en";
import { send as sendTo } from "../../kit/api";
import { SelectField, TextArea } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { attempt } from "../../kit/toast";
import { clockText, momentText } from "../../kit/when";
import { startReplay } from "../../replay/moment";
import { may } from "../../shell/me";
import { go } from "../../shell/query";
import * as state from "../../shell/state";
import { chosen, kindText } from "./list";
import { t } from "./messages";
import { templates } from "./templates";
import type { Promise_, Report } from "./types";

/** The replay begins shortly before the moment that the rider tells of. */
const before_s = 120;

const text = signal("");
const rewriting = signal(false);
const held = signal<Report | null>(null);

const path = (report: Pick<Report, "report_no">, act = "") =>
  `/api/dispatch/reports/${report.report_no}${act}`;

export async function takeOn(): Promise<void> {
  const report = held.value;
  if (!report || !may("dispatcher")) return;
  const no = report.report_no;
  await attempt(() => sendTo("POST", path(report, "/take"), undefined), t("taken", { no }));
}

export async function sendAnswer(): Promise<void> {
  const report = held.value;
  if (!report || !may("dispatcher") || text.value.trim() === "") return;
  const body = { text: text.value };
  if (await attempt(() => sendTo("POST", path(report, "/answer"), body), t("answered"))) {
    text.value = "";
    rewriting.value = false;
  }
}

async function close(report: Report): Promise<void> {
  const no = report.report_no;
  await attempt(() => sendTo("POST", path(report, "/close"), undefined), t("closed", { no }));
}

export function Detail() {
  const no = chosen.value;
  const resource = useResource<Report>(no === null ? null : `/api/dispatch/reports/${no}`, {
    on: state.changes.reports,
    every_ms: 60_000,
  });
  if (no === null)
    return (
      <aside class="report-detail" aria-label={t("title")}>
        <Empty>{t("choose")}</Empty>
      </aside>
    );
  return (
    <aside class="report-detail" aria-label={t("title")}>
      <Fetched of={resource}>
        {(report) => {
          held.value = report;
          return <Shown report={report} reload={resource.reload} />;
        }}
      </Fetched>
    </aside>
  );
}

function Shown({ report, reload }: { report: Report; reload: () => void }) {
  const acts = may("dispatcher") && report.state !== "closed";
  const then = (work: Promise<void>) => void work.then(reload);
  return (
    <>
      <h3>
        {report.report_no}: {kindText(report)}
      </h3>
      <p>
        {t(`state_${report.state}`)}
        {report.taken_by !== null && `, ${report.taken_by}`}, {t(`source_${report.source}`)}
      </p>
      <blockquote lang={report.language}>{report.body || t("noBody")}</blockquote>
      <dl class="report-facts">
        <dt>{t("happened")}</dt>
        <dd>{momentText(report.happened_s)}</dd>
        <dt>{t("filed")}</dt>
        <dd>{momentText(report.filed_s)}</dd>
        <dt>{t("contact")}</dt>
        <dd>{contactText(report)}</dd>
      </dl>
      <div class="actions">
        {acts && (report.state === "new" || report.state === "taken") && (
          <button type="button" onClick={() => then(takeOn())}>
            {t("take")}
          </button>
        )}
        {report.vehicle_id !== null && (
          <button type="button" onClick={() => go({ room: "map" }, { bus: report.vehicle_id })}>
            {t("onMap")}
          </button>
        )}
        <button
          type="button"
          onClick={() => {
            startReplay(report.happened_s - before_s);
            go({ room: "map" }, { bus: report.vehicle_id });
          }}
        >
          {t("replay")}
        </button>
        {acts && (
          <button type="button" onClick={() => then(close(report))}>
            {t("close")}
          </button>
        )}
      </div>
      <Knew report={report} />
      {report.answer !== null && (
        <>
          <h4>{t("answer")}</h4>
          <blockquote lang={report.language}>{report.answer}</blockquote>
          <p class="muted">
            {t("by", {
              name: report.answered_by ?? "",
              time: momentText(report.answered_s ?? report.filed_s),
            })}
          </p>
          {acts && !rewriting.value && (
            <button
              type="button"
              onClick={() => {
                text.value = report.answer ?? "";
                rewriting.value = true;
              }}
            >
              {t("rewrite")}
            </button>
          )}
        </>
      )}
      {acts && (report.answer === null || rewriting.value) && (
        <form
          class="report-answer"
          onSubmit={(event) => {
            event.preventDefault();
            then(sendAnswer());
          }}
        >
          <SelectField
            label={t("template")}
            value=""
            none="—"
            choices={templates.map((one, at) => ({
              value: String(at),
              name: one[report.language],
            }))}
            onValue={(at) => {
              const found = templates[Number(at)];
              if (at !== "" && found) text.value = found[report.language];
            }}
          />
          <TextArea
            label={t("answerTitle", { language: t(`lang_${report.language}`) })}
            value={text.value}
            onValue={(value) => {
              text.value = value;
            }}
            rows={5}
            maxLength={4000}
            lang={report.language}
          />
          <button type="submit" class="primary" disabled={text.value.trim() === ""}>
            {t("send")}
          </button>
        </form>
      )}
    </>
  );
}

function contactText(report: Report): string {
  if (!report.has_contact) return t("contactNone");
  if (report.contact === null) return t("contactHidden");
  const until = momentText(report.contact_until_s ?? report.filed_s);
  return `${report.contact} (${t("contactUntil", { time: until })})`;
}

/** What the system knew when the report came, which nobody can change any more. */
function Knew({ report }: { report: Report }) {
  const { board, bus, shown, time_s } = report.evidence;
  const clock = (at: string | undefined) => (at ? clockText(Number(at), false) : "?");
  return (
    <>
      <h4>{t("knew")}</h4>
      <ul class="report-knew">
        {shown?.low_s && (
          <li>
            {t("shown")}: {t("range", { low: clock(shown.low_s), high: clock(shown.high_s) })}
          </li>
        )}
        {board?.slice(0, 6).map((one) => (
          <li key={`${one.trip_id} ${one.scheduled_departure_s} ${one.arrival_s}`}>
            {t("promised")}: {one.headsign}, {promiseText(one)}
          </li>
        ))}
        {bus && (
          <li>
            {t("busWas", {
              age: Math.max(0, Math.round((time_s ?? bus.time_s) - bus.time_s)),
              phase: `phase_${bus.phase}` in en ? say(`phase_${bus.phase}` as Key) : bus.phase,
            })}
            {!bus.on_this_trip && bus.trip_id !== null && report.trip_id !== null && (
              <> · {t("busOther", { trip: bus.trip_id })}</>
            )}
          </li>
        )}
        {bus === null && <li>{t("busUnknown")}</li>}
        {!board && bus === undefined && !shown && <li>{t("nothingKnown")}</li>}
      </ul>
    </>
  );
}

function promiseText(one: Promise_): string {
  const clock = (at: number | null) => (at === null ? "?" : clockText(at, false));
  const low = clock(one.earliest_s ?? one.arrival_s);
  const high = clock(one.latest_s ?? one.arrival_s);
  switch (one.state) {
    case "live":
      return t("promise_live", { low, high });
    case "passed":
    case "cancelled":
    case "skipped":
      return t(`promise_${one.state}`);
    case "no_signal":
      return t("promise_no_signal", { time: clock(one.no_signal_since_s) });
    default:
      return t("promise_scheduled", { time: clock(one.scheduled_departure_s) });
  }
}
