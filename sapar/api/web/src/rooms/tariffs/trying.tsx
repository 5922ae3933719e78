/** Who would pay what, before it is in force: a version tried on the stored rides of some days. */
import { signal, useSignal } from "@preact/signals";
import { CardLink } from "../../finance/journal";
import { readLines } from "../../finance/lines";
import { ApiError, agencyUrl } from "../../kit/api";
import { DayField } from "../../kit/fields";
import { moneyCell, moneyText } from "../../kit/money";
import { Empty } from "../../kit/states";
import { type Column, Table } from "../../kit/table";
import { failed } from "../../kit/toast";
import { numberText, percentText } from "../../kit/when";
import * as state from "../../shell/state";
import { adjustmentText } from "../cards/messages";
import { t } from "./messages";
import type { DryRun, Line, Progress, Sums } from "./types";

interface Run {
  readonly version_no: string;
  readonly progress: Progress | null;
  readonly result: DryRun | null;
  readonly stop: AbortController | null;
}

const last = signal<Run | null>(null);

/** The day before a moment's day of the city, "2026-11-19". */
function dayBefore(now_s: number): string {
  const zone = state.agency.peek()?.timezone ?? "UTC";
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format((now_s - 86_400) * 1000);
}

async function tryIt(version_no: string, from: string, to: string): Promise<void> {
  const stop = new AbortController();
  last.value = { version_no, progress: null, result: null, stop };
  const put = (change: Partial<Run>): void => {
    const now = last.peek();
    if (now?.stop === stop || now?.stop === null) last.value = { ...now, ...change };
  };
  try {
    const path = `/api/finance/tariffs/${version_no}/dry-run`;
    const response = await fetch(agencyUrl(path, { from, to }), {
      cache: "no-store",
      signal: stop.signal,
    });
    if (!response.ok) {
      const told = (await response.json()) as { error: { code: string; message: string } };
      throw new ApiError(response.status, told.error.code, told.error.message);
    }
    await readLines<Line>(response, (line) => {
      if ("result" in line) put({ result: line.result });
      else if ("error" in line) throw new ApiError(500, line.error.code, line.error.message);
      else put({ progress: line });
    });
  } catch (error) {
    if (!stop.signal.aborted) failed(error, t("tryIt"));
  } finally {
    put({ stop: null });
  }
}

export function Trying({ version_no, now_s }: { version_no: string; now_s: number }) {
  const from = useSignal(dayBefore(now_s));
  const to = useSignal(dayBefore(now_s));
  const run = last.value?.version_no === version_no ? last.value : null;
  const running = run?.stop != null;
  return (
    <div class="trying">
      <p class="quiet">{t("tryNote")}</p>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          if (!running) void tryIt(version_no, from.value, to.value);
        }}
      >
        <DayField
          label={t("from")}
          value={from.value}
          onValue={(value) => {
            from.value = value;
            if (to.value < value) to.value = value;
          }}
        />
        <DayField
          label={t("to")}
          value={to.value}
          onValue={(value) => {
            to.value = value;
          }}
        />
        {running ? (
          <button type="button" onClick={() => run?.stop?.abort()}>
            {t("stop")}
          </button>
        ) : (
          <button type="submit" class="primary">
            {t("run")}
          </button>
        )}
      </form>
      {running && <Bar progress={run?.progress ?? null} />}
      {run?.result && <Result result={run.result} />}
    </div>
  );
}

function Bar({ progress }: { progress: Progress | null }) {
  const text = progress
    ? t("progress", {
        day: progress.day,
        done: progress.days_done,
        days: progress.days,
        n: progress.taps,
      })
    : "…";
  return (
    <p class="progress" role="status">
      <progress
        aria-label={t("tryIt")}
        {...(progress ? { value: progress.days_done, max: progress.days } : {})}
      />
      {text}
    </p>
  );
}

function Result({ result }: { result: DryRun }) {
  if (result.taps === 0) return <Empty>{t("noRides")}</Empty>;
  const now = result.lines.reduce((sum, one) => sum + one.charged_now_tiyn, 0);
  const then = result.lines.reduce((sum, one) => sum + one.charged_then_tiyn, 0);
  const days = `${result.days[0]}-${result.days.at(-1)}`;
  return (
    <div class="result">
      {result.unpriced.length > 0 && <Unpriced result={result} />}
      <div class="figures">
        <p>
          <span>{t("charged")}</span>
          <strong>
            {moneyText(then - now, { sign: true })}
            {now > 0 && ` (${then > now ? "+" : ""}${percentText((then - now) / now, 1)})`}
          </strong>
          <small>{t("nowThen", { before: moneyText(now), after: moneyText(then) })}</small>
        </p>
        <p>
          <span>{t("payMore")}</span>
          <strong>{numberText(result.cards_dearer)}</strong>
          <small>{t("cardDays", { n: result.cards })}</small>
        </p>
        <p>
          <span>{t("payLess")}</span>
          <strong>{numberText(result.cards_cheaper)}</strong>
          <small>{t("cardDays", { n: result.cards })}</small>
        </p>
      </div>
      <h3>{t("byCategory")}</h3>
      <Table
        label={t("byCategory")}
        columns={sumColumns<DryRun["lines"][number]>(t("category"), (one) => one.rider_category)}
        rows={result.lines}
        key_of={(one) => `${one.rider_category} ${one.product}`}
        csv={`dry-run-categories-${days}`}
        min_px={640}
      />
      <h3>{t("byChannel")}</h3>
      <Table
        label={t("byChannel")}
        columns={sumColumns<DryRun["channels"][number]>(t("medium"), (one) => one.medium)}
        rows={result.channels}
        key_of={(one) => `${one.medium} ${one.product}`}
        csv={`dry-run-media-${days}`}
        min_px={640}
      />
      <h3>{t("byFunder")}</h3>
      <Table
        label={t("byFunder")}
        columns={funderColumns()}
        rows={result.funders}
        key_of={(one) => `${one.kind} ${one.funder}`}
        csv={`dry-run-funders-${days}`}
        min_px={560}
        empty={<Empty>–</Empty>}
      />
      <h3>{t("largest")}</h3>
      {result.largest.length === 0 ? (
        <Empty>{t("noChange")}</Empty>
      ) : (
        <ul class="largest">
          {result.largest.map((one, at) => (
            // a card may stand there with several days
            <li key={at}>
              <CardLink card={one} /> {moneyText(one.difference_tiyn, { sign: true })}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Unpriced({ result }: { result: DryRun }) {
  const more = Object.entries(result.held_then)
    .map(([code, n]) => `${code}: ${numberText(n)} (${numberText(result.held_now[code] ?? 0)})`)
    .join(", ");
  return (
    <section class="note-bar">
      <h3>{t("noPrice")}</h3>
      <p>{t("noPriceNote")}</p>
      <p>{more}</p>
      <ul class="largest">
        {result.unpriced.map((one) => (
          <li key={one.tap_no}>
            {t("ride")} {String(one.tap_no)} <code>{one.code}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function money<R>(id: string, name: string, value: (row: R) => number, sign = false): Column<R> {
  return {
    id,
    name,
    number: true,
    width: "132px",
    value,
    cell: (row) => moneyText(value(row), { sign }),
    csv: (row) => moneyCell(value(row)),
    down: true,
  };
}

function count<R>(id: string, name: string, value: (row: R) => number): Column<R> {
  return {
    id,
    name,
    number: true,
    width: "112px",
    value,
    cell: (row) => numberText(value(row)),
    down: true,
  };
}

function sumColumns<R extends Sums>(first: string, name: (row: R) => string): readonly Column<R>[] {
  return [
    { id: "first", name: first, value: name, head: true },
    { id: "product", name: t("product"), value: (row) => row.product },
    count("taps_now", t("ridesNow"), (row) => row.taps_now),
    count("taps_then", t("ridesThen"), (row) => row.taps_then),
    money("now", t("now"), (row) => row.charged_now_tiyn),
    money("then", t("thenCol"), (row) => row.charged_then_tiyn),
    money("difference", t("difference"), (row) => row.difference_tiyn, true),
  ];
}

function funderColumns(): readonly Column<DryRun["funders"][number]>[] {
  return [
    { id: "funder", name: t("funder"), value: (row) => row.funder, head: true },
    { id: "kind", name: t("kind"), value: (row) => adjustmentText(row.kind) },
    money("now", t("now"), (row) => row.now_tiyn),
    money("then", t("thenCol"), (row) => row.then_tiyn),
    money("difference", t("difference"), (row) => row.difference_tiyn, true),
  ];
}
