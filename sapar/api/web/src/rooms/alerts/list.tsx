import { useEffect } from "preact/hooks";
import type { AlertContent, Texts } from "../../desk/types";
import { language } from "../../i18n";
import { send } from "../../kit/api";
import { Chip } from "../../kit/chip";
import { useResource } from "../../kit/resource";
import { Empty, Fetched, whyFrozen } from "../../kit/states";
import { done, failed } from "../../kit/toast";
import { clockText, momentText } from "../../kit/when";
import { may } from "../../shell/me";
import * as state from "../../shell/state";
import { routeName } from "../acts/about";
import { draft, newDraft } from "./draft";
import { t } from "./messages";

export interface AlertRow {
  readonly alert_id: string;
  readonly revision: number;
  readonly state: "active" | "coming" | "over" | "withdrawn";
  readonly author: string;
  readonly changed_s: number;
  /** Header time of the first feed that had it; null until it was read back. */
  readonly in_feed_s: number | null;
  readonly in_feed: boolean;
  readonly content: AlertContent;
}

export interface AlertList {
  readonly time_s: number;
  readonly alerts: readonly AlertRow[];
  readonly drafted: readonly {
    readonly alert_id: string;
    readonly header: Texts;
    readonly description: Texts;
  }[];
}

const waiting_ms = 1000;
const calm_ms = 20_000;

/** Texts in the page's language, else in the first that there is. */
export function inTongue(texts: Texts): string {
  return texts[language.value] ?? texts.kk ?? Object.values(texts)[0] ?? "";
}

export function List() {
  const alerts = useResource<AlertList>("/api/dispatch/alerts.json", {
    on: state.changes.alerts,
    every_ms: calm_ms,
  });
  const waits = alerts.data?.alerts.some((row) => row.state === "active" && row.in_feed_s === null);
  useEffect(() => {
    if (!waits) return;
    // What has just been published is looked for in the feed every second until it is there.
    const timer = setInterval(alerts.reload, waiting_ms);
    return () => clearInterval(timer);
  }, [waits]);
  return (
    <section class="page scrolls alerts-list" aria-label={t("list")}>
      <h2>{t("list")}</h2>
      <Fetched of={alerts}>
        {(data) => (
          <>
            {data.alerts.length === 0 && data.drafted.length === 0 && <Empty>{t("none")}</Empty>}
            <ul>
              {data.alerts.map((row) => (
                <One key={row.alert_id} row={row} />
              ))}
            </ul>
            {data.drafted.length > 0 && (
              <>
                <h3>{t("drafted")}</h3>
                <ul>
                  {data.drafted.map((one) => (
                    <li key={one.alert_id} class="alert-row">
                      <strong>{inTongue(one.header)}</strong>
                      <p>{inTongue(one.description)}</p>
                    </li>
                  ))}
                </ul>
              </>
            )}
          </>
        )}
      </Fetched>
    </section>
  );
}

function stateText(row: AlertRow): string {
  const { from_s, until_s } = row.content;
  if (row.state === "coming") return t("state_coming", { time: momentText(from_s ?? 0) });
  if (row.state === "over") return t("state_over", { time: momentText(until_s ?? 0) });
  return t(row.state === "active" ? "state_active" : "state_withdrawn");
}

function One({ row }: { row: AlertRow }) {
  const { content } = row;
  const lives = row.state === "active" || row.state === "coming";
  const routes = [...new Set(content.informed.flatMap((one) => one.route_id ?? []))];
  return (
    <li class={`alert-row ${lives ? "" : "is-past"}`}>
      <p class="alert-head">
        {routes.map((id) => (
          <Chip key={id} id={id} name={routeName(id)} />
        ))}
        <strong>{inTongue(content.header)}</strong>
      </p>
      <p>{inTongue(content.description)}</p>
      <p class="act-note">
        {stateText(row)} · {t("by", { name: row.author || "–", time: momentText(row.changed_s) })}
        {row.state === "active" && (
          <strong class="alert-feed">
            {row.in_feed_s === null
              ? t("notInFeed")
              : t("inFeed", { time: clockText(row.in_feed_s) })}
          </strong>
        )}
      </p>
      {may("dispatcher") && (
        <p class="act-buttons">
          <button
            type="button"
            onClick={() => {
              const mine = lives
                ? { alert_id: row.alert_id, revision: row.revision }
                : { alert_id: null, revision: 0 };
              draft.value = { ...newDraft(content), ...mine };
            }}
          >
            {lives ? t("edit") : t("newAlert")}
          </button>
          {lives && (
            <button type="button" disabled={whyFrozen() !== null} onClick={() => void end(row)}>
              {t("end")}
            </button>
          )}
        </p>
      )}
    </li>
  );
}

async function end(row: AlertRow): Promise<void> {
  const what = inTongue(row.content.header);
  const path = `/api/dispatch/alerts/${row.alert_id}`;
  try {
    const { revision } = await send<{ revision: number }>("POST", `${path}/end`, {
      revision: row.revision,
    });
    done(t("ended", { what }), () => send("POST", `${path}/undo`, { revision }));
  } catch (error) {
    failed(error);
  }
}
