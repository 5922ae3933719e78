/** What is out of the ordinary: all alerts, and one by itself. */
import { useEffect, useState } from "preact/hooks";
import { hrefOf } from "../address";
import { ask, Failure } from "../api";
import { Chip, Loading, Notice, Title } from "../parts";
import { clockText, momentText } from "../say";
import type { NamedAlert } from "../types";
import { named, t, translated } from "../words";

interface Answer {
  readonly time_s: number;
  readonly alerts: readonly NamedAlert[];
}

/** Asks for something once, and again when `path` changes or the rider presses for it. */
function useAnswer<T>(path: string, every_ms: number | null) {
  const [answer, setAnswer] = useState<T | null>(null);
  const [wrong, setWrong] = useState<Failure | null>(null);
  useEffect(() => {
    let over = false;
    const look = () =>
      ask<T>(path).then(
        (found) => {
          if (over) return;
          setAnswer(found);
          setWrong(null);
        },
        (error: unknown) => {
          if (!over && error instanceof Failure) setWrong(error);
        },
      );
    void look();
    const timer = every_ms === null ? null : setInterval(() => void look(), every_ms);
    return () => {
      over = true;
      if (timer !== null) clearInterval(timer);
    };
  }, [path, every_ms]);
  return { answer, wrong };
}

export function AlertsView() {
  const { answer, wrong } = useAnswer<Answer>("/api/rider/alerts", 60_000);
  return (
    <>
      <Title>{t("alerts")}</Title>
      {wrong && <Notice urgent>{t("failed", { why: wrong.words })}</Notice>}
      {!answer && !wrong && <Loading rows={3} />}
      {answer?.alerts.length === 0 && <p>{t("alertsNone", { time: clockText(answer.time_s) })}</p>}
      {answer?.alerts.map((alert) => (
        <article class="alert" key={alert.alert_id}>
          <h2>
            <a href={hrefOf("alert", alert.alert_id)}>{translated(alert.header)}</a>
          </h2>
          <About alert={alert} now_s={answer.time_s} />
        </article>
      ))}
    </>
  );
}

export function AlertView({ id }: { id: string }) {
  const { answer, wrong } = useAnswer<NamedAlert>(
    `/api/rider/alerts/${encodeURIComponent(id)}`,
    null,
  );
  if (wrong)
    return (
      <>
        <Title>{t("alerts")}</Title>
        <Notice urgent>
          {wrong.status === 404 ? t("alertGone") : t("failed", { why: wrong.words })}
        </Notice>
        <a class="button" href={hrefOf("alerts")}>
          {t("alerts")}
        </a>
      </>
    );
  if (!answer) return <Loading rows={4} />;
  const now_s = Date.now() / 1000;
  return (
    <article class="alert alone">
      <Title>{translated(answer.header)}</Title>
      {answer.over && (
        <Notice urgent>
          {answer.ended_s
            ? t("alertOver", { time: momentText(answer.ended_s, now_s) })
            : t("alertGone")}
        </Notice>
      )}
      <About alert={answer} now_s={now_s} />
      <p class="text">{translated(answer.description)}</p>
    </article>
  );
}

/** Effect, places and time stand before the cause and the words. */
function About({ alert, now_s }: { alert: NamedAlert; now_s: number }) {
  const until_s = alert.periods.find(([, end]) => end !== null && end > now_s)?.[1] ?? null;
  const from_s = alert.periods.find(([start]) => start !== null && start > now_s)?.[0] ?? null;
  const everywhere = alert.routes.length === 0 && alert.stops.length === 0;
  return (
    <>
      <p class="effect">
        <b>{named("effect", alert.effect, "effect_unknown_effect")}</b>
        {!alert.over && (
          <span>
            {from_s !== null && `${t("alertFrom", { time: momentText(from_s, now_s) })} `}
            {until_s === null
              ? t("alertOpenEnd")
              : t("alertUntil", { time: momentText(until_s, now_s) })}
          </span>
        )}
      </p>
      {everywhere && <p class="quiet">{t("alertAll")}</p>}
      {alert.routes.length > 0 && (
        <p class="chips">
          <span class="quiet">{t("alertRoutes")}</span>
          {alert.routes.map((route) => (
            <Chip key={route.route_id} route={route} />
          ))}
        </p>
      )}
      {alert.stops.length > 0 && (
        <p class="places">
          <span class="quiet">{t("alertStops")}</span>
          {alert.stops.map((stop) => (
            <a key={stop.id} href={hrefOf("stop", stop.id)}>
              {stop.name}
            </a>
          ))}
        </p>
      )}
    </>
  );
}
