/** What an act will do: runs, stops, people, and what riders are told. */
import { useEffect, useState } from "preact/hooks";
import { type AlertContent, type Boardings, type Preview, tongues } from "../../desk/types";
import { send } from "../../kit/api";
import { Chip } from "../../kit/chip";
import { CheckField, TextArea, TextField } from "../../kit/fields";
import { clockText } from "../../kit/when";
import { routeName, stopNames } from "./about";
import type { Looked } from "./looking";
import { t } from "./messages";

const listed_max = 6;

export function Effect({ of }: { of: Looked }) {
  if (of.error) {
    return (
      <p class="act-note" role="alert">
        {of.error.message}
      </p>
    );
  }
  if (of.working) return <p class="act-note">{t("looking")}</p>;
  if (of.preview === null) return <p class="act-note">{t("lookFirst")}</p>;
  const { preview } = of;
  const rest = preview.runs_total - Math.min(preview.runs.length, listed_max);
  return (
    <div class="act-effect">
      <Warnings of={preview} />
      <p>{t("runsTouched", { n: preview.runs_total })}</p>
      {preview.runs.length > 0 && (
        <ul class="act-runs">
          {preview.runs.slice(0, listed_max).map((run) => (
            <li key={`${run.trip_id} ${run.service_date} ${run.start_s}`}>
              <time>{clockText(run.start_s, false)}</time>
              <Chip id={run.route_id} name={routeName(run.route_id)} />
              <span>{run.headsign}</span>
            </li>
          ))}
          {rest > 0 && <li>{t("runsMore", { n: rest })}</li>}
        </ul>
      )}
      {preview.stop_ids.length > 0 && (
        <>
          <p>{t("stopsMissed", { stops: stopNames(preview.stop_ids, 12) })}</p>
          <Boarded stops={preview.stop_ids} />
        </>
      )}
    </div>
  );
}

export function Warnings({ of }: { of: Preview }) {
  return (
    <>
      {of.warnings.map(({ code, values }) => (
        <p key={code} class="act-warning" role="status">
          {t(`warn_${code}` as Parameters<typeof t>[0], values)}
        </p>
      ))}
    </>
  );
}

/** How many people got on at the stops yesterday at this hour. */
export function Boarded(props: {
  stops: readonly string[];
  from_s?: number | null;
  until_s?: number | null;
  route_id?: string | null;
}) {
  const [found, setFound] = useState<Boardings | null>(null);
  const asked = JSON.stringify({
    stop_ids: props.stops,
    from_s: props.from_s ?? null,
    until_s: props.until_s ?? null,
    route_id: props.route_id ?? null,
  });
  useEffect(() => {
    const stop = new AbortController();
    setFound(null);
    send<Boardings>("POST", "/api/dispatch/acts/boardings", JSON.parse(asked), {
      signal: stop.signal,
    }).then(setFound, () => undefined);
    return () => stop.abort();
  }, [asked]);
  if (found === null) return null;
  if (found.visits === 0) return <p class="act-note">{t("boardedUnknown")}</p>;
  const from = clockText(found.from_s, false);
  const until = clockText(found.until_s, false);
  return <p>{t("boarded", { n: found.people, from, until })}</p>;
}

/** What riders will read; a person may put it in other words, or publish a proposal. */
export function Riders(props: {
  drafted: AlertContent | null;
  published: boolean;
  own: AlertContent | null;
  onOwn: (own: AlertContent | null) => void;
}) {
  const { drafted, own, published } = props;
  if (drafted === null) return <p class="act-note">{t("ridersNone")}</p>;
  const put = (part: "header" | "description", tongue: string, text: string): void => {
    const now = own ?? drafted;
    props.onOwn({ ...now, [part]: { ...now[part], [tongue]: text } });
  };
  return (
    <>
      <CheckField
        label={published ? t("ridersOwn") : t("ridersOffer")}
        checked={own !== null}
        onChecked={(on) => props.onOwn(on ? drafted : null)}
      />
      {own === null && !published && <p class="act-note">{t("ridersNone")}</p>}
      {own === null && published && (
        <dl class="act-words">
          {tongues.map((tongue) => (
            <div key={tongue} lang={tongue}>
              <dt>{drafted.header[tongue]}</dt>
              <dd>{drafted.description[tongue]}</dd>
            </div>
          ))}
        </dl>
      )}
      {own !== null && (
        <div class="act-tongues">
          {tongues.map((tongue) => (
            <fieldset key={tongue}>
              <legend>{t(`lang_${tongue}`)}</legend>
              <TextField
                label={t("headerOf")}
                lang={tongue}
                maxLength={80}
                value={own.header[tongue] ?? ""}
                onValue={(text) => put("header", tongue, text)}
              />
              <TextArea
                label={t("textOf")}
                lang={tongue}
                maxLength={600}
                value={own.description[tongue] ?? ""}
                onValue={(text) => put("description", tongue, text)}
              />
            </fieldset>
          ))}
        </div>
      )}
    </>
  );
}
