/** Is every tenge explained so far? Differences first, totals second; a zero is a 0 with its time. */
import type { ComponentChildren } from "preact";
import { dayAfter, dayName, seconds } from "../../finance/days";
import { kindName } from "../../finance/kinds";
import { accountName } from "../../finance/messages";
import type { Today } from "../../finance/types";
import "../../finance/finance.css";
import { Chart } from "../../kit/chart";
import { IconButton } from "../../kit/icon";
import { moneyText } from "../../kit/money";
import { useResource } from "../../kit/resource";
import { Empty, Fetched } from "../../kit/states";
import { clockText, numberText, percentText } from "../../kit/when";
import { go, textParam } from "../../shell/query";
import type { Room } from "../room";
import { t } from "./messages";
import "../people/room.css";
import "./room.css";

const chosen = textParam("day", "finance");
const again_ms = 15_000;

function View() {
  const found = useResource<Today>("/api/finance/today.json", {
    query: { day: chosen.value },
    every_ms: again_ms,
  });
  return (
    <section class="page finance" aria-label={t("title")}>
      <header>
        <h2>{t("title")}</h2>
        {found.data && <Days day={found.data.business_date} />}
      </header>
      <Fetched of={found} rows={16}>
        {(today) => <Told today={today} />}
      </Fetched>
    </section>
  );
}

function Days({ day }: { day: string }) {
  const step = (days: number) => () => {
    chosen.value = dayAfter(day, days);
  };
  return (
    <div class="day-steps">
      <IconButton icon="left" title={t("before")} onClick={step(-1)} />
      <strong>{dayName(day)}</strong>
      <IconButton icon="right" title={t("after")} onClick={step(1)} />
      <button type="button" onClick={() => go({ room: "close" }, { day })}>
        {t("toClose")}
      </button>
    </div>
  );
}

function Told({ today }: { today: Today }) {
  const time = clockText(seconds(today.at));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keys
    <section class="today" tabIndex={0} aria-label={dayName(today.business_date)}>
      <div class="figures">
        <div>
          <span>{t("day")}</span>
          <strong>{dayName(today.business_date)}</strong>
          <span>{t(`state_${today.state}`)}</span>
        </div>
        <div>
          <span>{t("explained")}</span>
          <strong>{percentText(today.explained_ppm / 1_000_000, 2)}</strong>
          <span>{t("asOf", { time })}</span>
        </div>
        <div>
          <span>{t("taps")}</span>
          <strong>{numberText(today.taps)}</strong>
          <span>{t("riders", { n: today.riders })}</span>
        </div>
        <div>
          <span>{t("earned")}</span>
          <strong>{moneyText(today.earned_tiyn)}</strong>
          <span>{t("paid", { sum: moneyText(today.paid_tiyn) })}</span>
        </div>
      </div>
      <div class="blocks">
        <Exceptions today={today} time={time} />
        <Unmatched today={today} time={time} />
        <Gaps today={today} time={time} />
        <Suspense today={today} time={time} />
        <Late today={today} />
      </div>
      <Hours today={today} />
    </section>
  );
}

function Block(props: { title: string; children: ComponentChildren; act?: ComponentChildren }) {
  return (
    <section class="block">
      <header>
        <h3>{props.title}</h3>
        {props.act}
      </header>
      {props.children}
    </section>
  );
}

function Exceptions({ today, time }: { today: Today; time: string }) {
  const { exceptions } = today;
  const explain = (kind: string | null) => () => go({ room: "explain" }, { kind });
  return (
    <Block
      title={t("exceptions")}
      act={
        exceptions.length > 0 && (
          <button type="button" onClick={explain(null)}>
            {t("explainNow")}
          </button>
        )
      }
    >
      {exceptions.length === 0 ? (
        <Empty>{t("noExceptions", { time })}</Empty>
      ) : (
        <table class="ledger">
          <thead>
            <tr>
              <th scope="col">{t("kind")}</th>
              <th scope="col" class="number">
                {t("count")}
              </th>
              <th scope="col" class="number">
                {t("value")}
              </th>
            </tr>
          </thead>
          <tbody>
            {exceptions.map((one) => (
              <tr key={one.kind}>
                <td>
                  <button type="button" class="inline" onClick={explain(one.kind)}>
                    {kindName(one.kind)}
                  </button>
                </td>
                <td class="number">{numberText(one.count)}</td>
                <td class="number">{moneyText(one.value_tiyn)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Block>
  );
}

function Unmatched({ today, time }: { today: Today; time: string }) {
  const lines = today.unmatched.filter((one) => one.count > 0);
  return (
    <Block
      title={t("unmatched")}
      act={
        lines.length > 0 && (
          <button type="button" onClick={() => go({ room: "matching" })}>
            {t("matchNow")}
          </button>
        )
      }
    >
      {lines.length === 0 ? (
        <Empty>{t("allMatched", { time })}</Empty>
      ) : (
        <table class="ledger">
          <tbody>
            {lines.map((one) => (
              <tr key={one.from_days}>
                <td>{t(`age_${one.from_days as 0 | 2 | 8 | 31}`)}</td>
                <td class="number">{numberText(one.count)}</td>
                <td class="number">{moneyText(one.value_tiyn)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Block>
  );
}

function Gaps({ today, time }: { today: Today; time: string }) {
  return (
    <Block title={t("gaps")}>
      {today.open_gaps === 0 ? (
        <Empty>{t("noGaps", { time })}</Empty>
      ) : (
        <p>
          {t("gapsText", { n: today.missing_taps, gaps: today.open_gaps })}{" "}
          {today.gaps_tiyn > 0 && t("gapsWorth", { sum: moneyText(today.gaps_tiyn) })}
        </p>
      )}
    </Block>
  );
}

function Suspense({ today, time }: { today: Today; time: string }) {
  return (
    <Block title={t("suspense")}>
      {today.suspense.length === 0 ? (
        <Empty>{t("noSuspense", { time })}</Empty>
      ) : (
        <table class="ledger">
          <tbody>
            {today.suspense.map((one) => (
              <tr key={`${one.code} ${one.owner}`}>
                <td>
                  {one.code} {accountName(one.code)} {one.owner}
                </td>
                <td class="number">{moneyText(one.balance, { sign: true })}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Block>
  );
}

function Late({ today }: { today: Today }) {
  return (
    <Block title={t("late")}>
      {today.late.length === 0 ? (
        <Empty>{t("noLate")}</Empty>
      ) : (
        <table class="ledger">
          <tbody>
            {today.late.map((one) => (
              <tr key={one.service_date}>
                <td>{t("lateOf", { day: dayName(one.service_date) })}</td>
                <td class="number">{numberText(one.taps)}</td>
                <td class="number">{moneyText(one.earned_tiyn)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Block>
  );
}

/** Every hour from the first ride to the last, also those without one; by the city's clock. */
export function byHour(
  hours: Today["hours"],
): readonly { readonly at_s: number; readonly taps: number }[] {
  // local hours have no zone: read as if they were UTC, and shown so
  const taps = new Map(hours.map((one) => [seconds(`${one.hour}Z`), one.taps]));
  const moments = [...taps.keys()];
  const first = Math.min(...moments);
  const last = Math.max(...moments);
  return Array.from({ length: Math.round((last - first) / 3600) + 1 }, (_, place) => {
    const at_s = first + place * 3600;
    return { at_s, taps: taps.get(at_s) ?? 0 };
  });
}

function Hours({ today }: { today: Today }) {
  if (today.hours.length === 0) return <Empty>{t("noRides")}</Empty>;
  const hours = byHour(today.hours);
  const name = (place: number): string => {
    const hour = hours[Math.round(place)];
    return hour && Number.isInteger(place)
      ? new Date(hour.at_s * 1000).toISOString().slice(11, 16)
      : "";
  };
  return (
    <section class="block">
      <h3>{t("hours")}</h3>
      <Chart
        label={t("hours")}
        x={hours.map((_, place) => place)}
        height_px={200}
        xName={t("hour")}
        xText={name}
        yRange={[0, null]}
        series={[
          {
            name: t("taps"),
            tone: "ink2",
            kind: "bars",
            values: hours.map((one) => one.taps),
            text: (value) => numberText(value),
          },
        ]}
        yText={(value) => (Number.isInteger(value) ? numberText(value) : "")}
      />
    </section>
  );
}

export const room: Room = { View };
