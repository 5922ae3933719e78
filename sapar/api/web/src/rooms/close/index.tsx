/** May this day be closed, and who says so? */
import { signal, useSignal } from "@preact/signals";
import { dayName, seconds } from "../../finance/days";
import { JournalPlace } from "../../finance/journal";
import { stageName } from "../../finance/kinds";
import { readLines } from "../../finance/lines";
import type { DayState, DayStatus, DayTold, Stage } from "../../finance/types";
import "../../finance/finance.css";
import { ApiError, agencyUrl, send } from "../../kit/api";
import { ask, Dialog } from "../../kit/dialog";
import { NumberField, TextField } from "../../kit/fields";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { attempt, done, failed } from "../../kit/toast";
import { momentText } from "../../kit/when";
import { csrf, may } from "../../shell/me";
import { textParam } from "../../shell/query";
import type { Room } from "../room";
import { Evidence } from "./evidence";
import { Obstacles } from "./exceptions";
import { t } from "./messages";
import { Totals } from "./totals";
import "../people/room.css";
import "../finance/room.css";
import "./room.css";

interface Days {
  readonly days: readonly {
    readonly business_date: string;
    readonly state: DayState;
    readonly closed_by: string;
    readonly lapsed: boolean;
  }[];
}

/** Whether checks and signatures are still to come: also where a reopening has ended unused. */
const isOpen = (status: DayStatus): boolean =>
  status.state !== "closed" || status.reopening?.lapsed === true;

const chosen = textParam("day", "close");
/** Moves when a day's state changed. */
const turn = signal(0);

function View() {
  const found = useResource<Days>("/api/finance/days.json", { on: turn });
  const days = found.data?.days ?? [];
  const open = [...days].reverse().find((one) => one.state !== "closed");
  const day = chosen.value ?? open?.business_date ?? days[0]?.business_date ?? null;
  return (
    <section class="page close" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
      </header>
      <Fetched of={found} rows={14}>
        {() =>
          days.length === 0 && day === null ? (
            <Empty>{t("noDays")}</Empty>
          ) : (
            <div class="close-columns">
              <nav class="day-list" aria-label={t("days")}>
                {days.map((one) => (
                  <button
                    type="button"
                    key={one.business_date}
                    aria-current={one.business_date === day ? "true" : undefined}
                    onClick={() => {
                      chosen.value = one.business_date;
                    }}
                  >
                    <span>{dayName(one.business_date)}</span>
                    <span class={`day-state is-${one.lapsed ? "reopened" : one.state}`}>
                      {t(one.lapsed ? "lapsedShort" : one.state)}
                    </span>
                  </button>
                ))}
              </nav>
              {day === null ? <Empty>{t("choose")}</Empty> : <Day key={day} day={day} />}
            </div>
          )
        }
      </Fetched>
      <JournalPlace />
    </section>
  );
}

function Day({ day }: { day: string }) {
  const found = useResource<DayTold>(`/api/finance/days/${day}/status.json`, { on: turn });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keys
    <section class="day" tabIndex={0} aria-label={dayName(day)}>
      <Fetched of={found} rows={12}>
        {(told) => (
          <>
            <Head told={told} />
            {isOpen(told.status) && <Stages told={told} />}
            <Obstacles
              rows={told.exceptions}
              closed={!isOpen(told.status)}
              onChanged={() => {
                turn.value += 1;
              }}
            />
            <Signatures told={told} />
            {told.reports.length > 0 && <Reports told={told} />}
            {told.reports.length > 0 && <Totals told={told} />}
          </>
        )}
      </Fetched>
    </section>
  );
}

function Head({ told }: { told: DayTold }) {
  const { status } = told;
  // by the city's clock, as all else on the page; `closed_at` is by the database's
  const approved = status.signatures.find((one) => one.act === "approved" && one.valid);
  const progress = useSignal<{ readonly done: number; readonly of: number } | null>(null);
  const acting = may("accountant", "chief_accountant");
  const run = async (): Promise<void> => {
    progress.value = { done: 0, of: 10 };
    try {
      const url = agencyUrl(`/api/finance/days/${status.business_date}/run`);
      const headers = { "X-Sapar-Csrf": csrf() };
      const response = await fetch(url, { method: "POST", cache: "no-store", headers });
      if (!response.ok) throw new ApiError(response.status, `http_${response.status}`, "");
      await readLines<RunLine>(response, (line) => {
        if ("error" in line) {
          throw new ApiError(409, line.error.code, line.error.message, line.error.hint);
        }
        if ("done" in line) progress.value = line;
      });
    } catch (error) {
      failed(error, t("run"));
    } finally {
      progress.value = null;
      turn.value += 1;
    }
  };
  return (
    <header class="day-head">
      <div>
        <h3>
          {dayName(status.business_date)} <span class="day-state">{t(status.state)}</span>
        </h3>
        {status.closed_at !== null && (
          <p class="quiet">
            {t("closedBy", {
              time: momentText(seconds(approved?.signed_at ?? status.closed_at)),
              who: status.closed_by,
            })}
          </p>
        )}
        {status.reopening !== null && (
          <p role="status" class={status.reopening.lapsed ? "lapsed" : "quiet"}>
            {t(status.reopening.lapsed ? "lapsed" : "openAgain", {
              time: momentText(seconds(status.reopening.ends_at)),
              who: status.reopening.name,
              why: status.reopening.reason,
              n: status.reopening.journals,
            })}
          </p>
        )}
        {isOpen(status) && <p class="quiet">{t("runText")}</p>}
      </div>
      {status.state === "closed" && may("chief_accountant") && (
        <Reopen day={status.business_date} />
      )}
      {isOpen(status) && acting && (
        <button
          type="button"
          class={status.digest === null ? "primary" : ""}
          disabled={progress.value !== null}
          onClick={() => void run()}
        >
          {progress.value === null ? t("run") : t("running", progress.value)}
        </button>
      )}
      {progress.value !== null && (
        <progress max={progress.value.of} value={progress.value.done} aria-label={t("run")} />
      )}
    </header>
  );
}

type RunLine =
  | { readonly done: number; readonly of: number }
  | { readonly result: DayTold }
  | { readonly error: { readonly code: string; readonly message: string; readonly hint: string } };

function Stages({ told }: { told: DayTold }) {
  return (
    <ol class="stages">
      {told.status.stages.map((one, place) => (
        <li key={one.stage} class={`stage is-${looks(one)}`}>
          <details>
            <summary>
              <span class="stage-mark" aria-hidden="true">
                {marks[looks(one)]}
              </span>
              <strong>
                {place + 1} {stageName(one.stage)}
              </strong>
              <span>{stateText(one)}</span>
            </summary>
            {one.ran_at !== null && (
              <p class="quiet">
                {t("ranAt", { time: momentText(seconds(one.ran_at), true), who: one.ran_by })}
              </p>
            )}
            {one.run_no !== null && <Evidence of={one.evidence} />}
          </details>
        </li>
      ))}
    </ol>
  );
}

const marks = { passed: "✓", waiting: "!", failed: "✕", stale: "↻", unknown: "–" } as const;

function looks(stage: Stage): keyof typeof marks {
  if (stage.run_no === null) return "unknown";
  if (stage.stale) return "stale";
  if (stage.passed) return "passed";
  return stage.waiting > 0 ? "waiting" : "failed";
}

function stateText(stage: Stage): string {
  const state = looks(stage);
  if (state === "unknown") return t("notRun");
  if (state === "waiting") return t("waiting", { n: stage.waiting });
  if (state === "passed" && stage.findings > 0) {
    return `${t("passed")}, ${t("acceptedAll", { n: stage.findings })}`;
  }
  return t(state);
}

function Signatures({ told }: { told: DayTold }) {
  const { status } = told;
  const day = dayName(status.business_date);
  const sign = async (act: "prepared" | "approved"): Promise<void> => {
    const closing = act === "approved";
    const answer = await ask({
      title: t(closing ? "closeTitle" : "signTitle", { day }),
      text: t(closing ? "closeText" : "signText"),
      confirm: t(closing ? "approve" : "prepare"),
    });
    if (answer === null) return;
    const path = `/api/finance/days/${status.business_date}/sign`;
    const act_it = (): Promise<unknown> => send("POST", path, { act, digest: status.digest });
    await attempt(act_it, t(closing ? "closedToast" : "signedToast", { day }));
    turn.value += 1;
  };
  const prepared = status.signatures.some((one) => one.act === "prepared" && one.valid);
  const why = status.digest === null ? "not_passed" : status.obstacle;
  const known = why !== null && `why_${why}` in t.messages.en;
  return (
    <section class="block">
      <h3>{t("signatures")}</h3>
      {status.digest !== null && (
        <p class="quiet">
          {t("digest")}: <code>{status.digest.slice(0, 16)}…</code>
        </p>
      )}
      {status.signatures.map((one) => (
        <p key={`${one.act} ${one.signed_at}`}>
          {t("signed", {
            what: t(one.act === "prepared" ? "preparedBy" : "approvedBy"),
            who: one.full_name || one.name,
            time: momentText(seconds(one.signed_at)),
          })}
          {!one.valid && <em> {t("invalid")}</em>}
        </p>
      ))}
      {isOpen(status) && why !== null && (
        <p role="status">{t("why", { why: known ? t(`why_${why}` as "why_not_passed") : why })}</p>
      )}
      {isOpen(status) && status.digest !== null && (
        <div class="actions">
          {!prepared && may("accountant") && (
            <button type="button" class="primary" onClick={() => void sign("prepared")}>
              {t("prepare")}
            </button>
          )}
          {prepared && may("chief_accountant") && (
            <button type="button" class="primary" onClick={() => void sign("approved")}>
              {t("approve")}
            </button>
          )}
        </div>
      )}
    </section>
  );
}

function Reopen({ day }: { day: string }) {
  const open = useSignal(false);
  const reason = useSignal("");
  const hours = useSignal<number | null>(4);
  const name = dayName(day);
  const ready = reason.value.trim() !== "" && hours.value !== null && hours.value > 0;
  const submit = async (): Promise<void> => {
    const body = { reason: reason.value.trim(), hours: hours.value };
    try {
      const path = `/api/finance/days/${day}/reopen`;
      const { status } = await send<DayTold>("POST", path, body);
      const time = status.reopened_until === null ? "" : momentText(seconds(status.reopened_until));
      done(t("reopenedToast", { day: name, time }));
      open.value = false;
    } catch (error) {
      failed(error);
    }
    turn.value += 1;
  };
  return (
    <>
      <button
        type="button"
        onClick={() => {
          open.value = true;
        }}
      >
        {t("reopen")}
      </button>
      <Dialog
        open={open.value}
        title={t("reopenTitle", { day: name })}
        onClose={() => {
          open.value = false;
        }}
        actions={
          <button type="submit" form="reopen" class="primary" disabled={!ready}>
            {t("reopenNow")}
          </button>
        }
      >
        <form
          id="reopen"
          class="act-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (ready) void submit();
          }}
        >
          <p>{t("reopenText")}</p>
          <TextField
            label={t("reason")}
            required
            maxLength={500}
            value={reason.value}
            onValue={(text) => {
              reason.value = text;
            }}
          />
          <NumberField
            label={t("hours")}
            value={hours.value}
            onValue={(value) => {
              hours.value = value;
            }}
          />
        </form>
      </Dialog>
    </>
  );
}

function Reports({ told }: { told: DayTold }) {
  const day = told.status.business_date;
  return (
    <section class="block">
      <h3>{t("reports")}</h3>
      <ul class="plain-list">
        {told.reports.map((one) => (
          <li key={`${one.revision} ${one.form}`}>
            <a
              href={agencyUrl(`/api/finance/days/${day}/report`, {
                form: one.form,
                revision: one.revision,
              })}
              download
            >
              {t("report", { no: one.revision, form: one.form.toUpperCase() })}
            </a>{" "}
            <span class="quiet">{t("reportText", { digest: `${one.digest.slice(0, 12)}…` })}</span>
          </li>
        ))}
      </ul>
      {told.reopenings.length > 0 && (
        <>
          <h3>{t("reopenings")}</h3>
          <ul class="plain-list">
            {told.reopenings.map((one) => (
              <li key={one.reopening_no}>
                {t("reopening", {
                  from: momentText(seconds(one.reopened_at)),
                  to: momentText(seconds(one.ends_at)),
                  who: one.name,
                  why: one.reason,
                })}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

export const room: Room = { View };
