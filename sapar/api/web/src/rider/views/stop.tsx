/** When does my bus come? */
import { useEffect, useState } from "preact/hooks";
import { hrefOf, query } from "../address";
import { ask } from "../api";
import { type Followed, nowOf, stale_ms, useBoard } from "../board";
import { Chip, Crowd, Icon, Loading, Notice, Title } from "../parts";
import { ageText, clockText, dayText, routeName, tell } from "../say";
import { favourites, rememberStop, type Shown, toggleFavourite } from "../store";
import { wall_ms } from "../ticker";
import { delayOf, isShown, plannedOf, runOf, withoutRepeats } from "../times";
import type { Alert, Board, Call } from "../types";
import { isWatched, judge, permission, unwatch, watchCall } from "../watch";
import { t, translated } from "../words";

export function StopView({ id }: { id: string }) {
  const followed = useBoard(id);
  const { shown } = followed;
  const towards = query.value.get("towards") ?? "";

  useEffect(() => {
    if (!shown) return;
    document.title = shown.board.stop.name;
    rememberStop({ id, name: shown.board.stop.name, towards });
    judge(shown.board);
  }, [shown?.board.stop.name, shown?.board, id, towards]);

  if (!shown) return <Nothing followed={followed} />;
  const { stop } = shown.board;
  const starred = favourites.value.some((one) => one.id === id);
  return (
    <>
      <div class="top">
        <Title>{stop.name}</Title>
        <button
          type="button"
          class="round"
          aria-pressed={starred}
          aria-label={starred ? t("unstar") : t("star")}
          onClick={() => toggleFavourite({ id, name: stop.name, towards })}
        >
          <Icon name="star" filled={starred} />
        </button>
      </div>
      <p class="quiet">
        {[
          towards === "" ? "" : t("towards", { stop: towards }),
          stop.code === "" ? "" : t("stopNumber", { code: stop.code }),
          stop.wheelchair === "possible" ? t("stepFree") : "",
          stop.wheelchair === "not_possible" ? t("noStepFree") : "",
        ]
          .filter((one) => one !== "")
          .join(" · ")}
      </p>
      <Freshness followed={followed} shown={shown} />
      <Alerts alerts={shown.board.alerts} />
      <Arrivals shown={shown} />
      <p>
        <a class="button" href={hrefOf("report", "", { stop: id, stop_name: stop.name })}>
          <Icon name="report" />
          {t("report")}
        </a>
      </p>
    </>
  );
}

function Nothing({ followed }: { followed: Followed }) {
  const { wrong } = followed;
  if (wrong === null)
    return (
      <>
        <Title>{t("loading")}</Title>
        <Loading rows={6} />
      </>
    );
  const words =
    wrong === "no_network"
      ? t("offlineNothing")
      : wrong === "no_such_stop" || wrong === "no_timetable"
        ? t("stopUnknown")
        : t("failed", { why: t("wrong_other", { code: wrong }) });
  return (
    <>
      <Title>{t("home")}</Title>
      <Notice urgent>{words}</Notice>
      <a class="button" href={hrefOf("home")}>
        {t("home")}
      </a>
    </>
  );
}

/** How old the board is, and why there is no newer one. */
function Freshness({ followed, shown }: { followed: Followed; shown: Shown }) {
  const age_ms = wall_ms.value - shown.got_ms;
  const time = clockText(shown.board.time_s);
  if (followed.wrong === "no_network" && age_ms > 3000)
    return <Notice urgent>{t("offlineAsOf", { time })}</Notice>;
  if (followed.wrong !== null && age_ms > stale_ms)
    return <Notice urgent>{t("serverSilent", { time })}</Notice>;
  if (age_ms > stale_ms) return <Notice urgent>{t("asOf", { time })}</Notice>;
  return (
    <>
      {!shown.board.live && <Notice>{t("noPredictions")}</Notice>}
      <p class="quiet age">
        {age_ms < 5000 ? t("updatedNow") : t("updated", { age: ageText(age_ms / 1000) })}
      </p>
    </>
  );
}

function Alerts({ alerts }: { alerts: readonly Alert[] }) {
  if (alerts.length === 0) return null;
  return (
    <ul class="alerts" aria-label={t("alertsHere", { n: alerts.length })}>
      {alerts.map((alert) => (
        <li key={alert.alert_id}>
          <a class="notice" href={hrefOf("alert", alert.alert_id)}>
            <Icon name="alerts" />
            {translated(alert.header)}
          </a>
        </li>
      ))}
    </ul>
  );
}

function Arrivals({ shown }: { shown: Shown }) {
  const { board } = shown;
  const now_s = nowOf(shown);
  const still = wall_ms.value - shown.got_ms > stale_ms;
  const [open, setOpen] = useState<string | null>(null);
  const calls = withoutRepeats(board.arrivals).filter((call) => isShown(call, now_s));
  const coming = calls.some((call) => call.state !== "passed");
  return (
    <>
      <ul class="board" aria-label={t("arrivalsOf", { stop: board.stop.name })}>
        {calls.map((call) => (
          <Row
            key={runOf(call)}
            call={call}
            board={board}
            now_s={now_s}
            still={still}
            open={open === runOf(call)}
            onOpen={() => setOpen(open === runOf(call) ? null : runOf(call))}
          />
        ))}
      </ul>
      {!coming && <Empty stop={board.stop.stop_id} now_s={board.time_s} />}
    </>
  );
}

interface RowProps {
  readonly call: Call;
  readonly board: Board;
  readonly now_s: number;
  readonly still: boolean;
  readonly open: boolean;
  readonly onOpen: () => void;
}

function Row({ call, board, now_s, still, open, onOpen }: RowProps) {
  const route = board.routes.find((one) => one.route_id === call.route_id);
  const { when, how } = tell(call, now_s, still);
  const delay = delayOf(call);
  return (
    <li class={`call ${call.state} ${open ? "open" : ""}`}>
      <button type="button" aria-expanded={open} onClick={onOpen}>
        <Chip route={route} spoken />
        <span class="head">{call.headsign}</span>
        <b class="when">{when}</b>
        <span class="kind">
          {call.state === "live" && <i class="dot" />}
          {how}
          {delay && ` · ${t(delay.late ? "lateBy" : "earlyBy", { n: delay.minutes })}`}
          {call.detour && ` · ${t("detour")}`}
          {call.added && ` · ${t("extra")}`}
        </span>
        <span class="extras">
          <Crowd occupancy={call.occupancy} />
          {call.wheelchair === "possible" && (
            <span>
              <Icon name="chair" />
              {t("lowFloor")}
            </span>
          )}
        </span>
      </button>
      {open && <More call={call} board={board} routeName={routeName(route)} />}
    </li>
  );
}

/** What can be done about one bus. */
function More({ call, board, routeName: name }: { call: Call; board: Board; routeName: string }) {
  const watched = isWatched(call);
  const about = {
    stop: board.stop.stop_id,
    stop_name: board.stop.name,
    route: call.route_id ?? "",
    route_name: name,
    trip: call.trip_id,
    vehicle: call.vehicle?.vehicle_id ?? "",
    at: String(board.time_s),
    state: call.state,
    low: String(call.earliest_s ?? call.arrival_s ?? plannedOf(call) ?? ""),
    high: String(call.latest_s ?? call.arrival_s ?? plannedOf(call) ?? ""),
  };
  return (
    <div class="more">
      {call.vehicle && <p class="quiet">{t("busNo", { id: call.vehicle.vehicle_id })}</p>}
      {call.state === "live" && (
        <button
          type="button"
          class="wide"
          aria-pressed={watched}
          onClick={() => (watched ? unwatch(runOf(call)) : void watchCall(board, call))}
        >
          <Icon name="bell" filled={watched} />
          {watched ? t("notifyOff") : t("notify")}
        </button>
      )}
      {watched && (
        <p class="quiet" role="status">
          {t("notifyOn", { route: name })} {t("notifyHonest")}
          {permission.value === "denied" && ` ${t("notifyDenied")}`}
        </p>
      )}
      {!call.added && call.state !== "cancelled" && (
        <a class="button wide" href={hrefOf("bus", call.trip_id, about)}>
          <Icon name="map" />
          {t("onMap")}
        </a>
      )}
      <a class="button wide" href={hrefOf("report", "", about)}>
        <Icon name="report" />
        {t("report")}
      </a>
    </div>
  );
}

/** No bus for long: when is the next? */
function Empty({ stop, now_s }: { stop: string; now_s: number }) {
  const [next, setNext] = useState<Call | null | undefined>(undefined);
  useEffect(() => {
    let over = false;
    const asked = { minutes_before: 0, minutes_after: 1440, limit: 5 };
    ask<Board>(`/api/stops/${encodeURIComponent(stop)}/arrivals`, asked).then(
      (board) => {
        const coming = board.arrivals.find((call) => (plannedOf(call) ?? 0) > board.time_s);
        if (!over) setNext(coming ?? null);
      },
      () => undefined,
    );
    return () => {
      over = true;
    };
  }, [stop]);
  const at_s = next ? plannedOf(next) : null;
  return (
    <p>
      {t("noArrivals", { n: 90 })} {next === null && t("noMore")}
      {at_s !== null && t("firstBus", { time: clockText(at_s), day: dayText(at_s, now_s) })}
    </p>
  );
}
