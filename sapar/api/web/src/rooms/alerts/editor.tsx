import { useRef } from "preact/hooks";
import {
  type AlertContent,
  type Informed,
  type Texts,
  type Tongue,
  tongues,
} from "../../desk/types";
import { send } from "../../kit/api";
import { SelectField, TextArea, TextField } from "../../kit/fields";
import { IconButton } from "../../kit/icon";
import { whyFrozen } from "../../kit/states";
import { done, failed } from "../../kit/toast";
import * as state from "../../shell/state";
import { routeName, stopName } from "../acts/about";
import { CauseField, PeriodFields, StopsField } from "../acts/choosing";
import { t as say } from "../acts/messages";
import {
  change,
  description_max,
  draft,
  header_max,
  isUrl,
  lacks,
  newDraft,
  ready,
  required,
  sameEntity,
  tidy,
  tongue,
  write,
} from "./draft";
import { inTongue } from "./list";
import { t } from "./messages";
import { Shown } from "./shown";

const effects = [
  "NO_SERVICE",
  "REDUCED_SERVICE",
  "SIGNIFICANT_DELAYS",
  "DETOUR",
  "ADDITIONAL_SERVICE",
  "MODIFIED_SERVICE",
  "STOP_MOVED",
  "ACCESSIBILITY_ISSUE",
  "OTHER_EFFECT",
] as const;

export function Editor() {
  const { content, alert_id } = draft.value;
  const frozen = whyFrozen();
  const missing = lacks(content);
  const form = useRef<HTMLFormElement>(null);
  return (
    <section class="page scrolls alerts-editor" aria-label={t(alert_id ? "editing" : "newAlert")}>
      <h2>{t(alert_id ? "editing" : "newAlert")}</h2>
      <form
        ref={form}
        class="alert-form"
        onSubmit={(event) => {
          event.preventDefault();
          void attemptPublish();
        }}
      >
        <div class="alert-about">
          <SelectField
            label={t("effect")}
            value={content.effect}
            onValue={(effect) => change({ effect })}
            choices={effects.map((one) => ({ value: one, name: t(`effect_${one}`) }))}
          />
          <CauseField value={content.cause} onValue={(cause) => change({ cause })} />
          <Places informed={content.informed} onInformed={(informed) => change({ informed })} />
        </div>
        <PeriodFields
          from_s={content.from_s}
          until_s={content.until_s}
          onFrom={(from_s) => change({ from_s })}
          onUntil={(until_s) => change({ until_s })}
        />
        <button type="button" onClick={() => void fromTemplate()}>
          {t("fromTemplate")}
        </button>
        <div class="alert-tongues">
          {tongues.map((one) => (
            <Words key={one} language={one} content={content} />
          ))}
        </div>
        <Shown content={content} />
        <footer class="alert-foot">
          {missing.length > 0 && (
            <p class="act-note" role="status">
              {t("missing", {
                what: missing
                  .map(({ language, part }) => `${say(`lang_${language}`)}: ${t(part)}`)
                  .join("; "),
              })}
            </p>
          )}
          {frozen && <p role="status">{frozen}</p>}
          <button
            type="button"
            onClick={() => {
              draft.value = newDraft();
            }}
          >
            {t("cancel")}
          </button>
          <button type="submit" class="primary" disabled={!ready.value || frozen !== null}>
            {t(alert_id ? "change" : "publish")} <kbd>Ctrl Enter</kbd>
          </button>
        </footer>
      </form>
    </section>
  );
}

/** Routes and stops that the alert is about. */
function Places(props: {
  informed: readonly Informed[];
  onInformed: (informed: readonly Informed[]) => void;
}) {
  const { informed } = props;
  const routes = [...new Set(informed.flatMap((one) => one.route_id ?? []))];
  const stops = [...new Set(informed.flatMap((one) => one.stop_id ?? []))];
  const put = (nextRoutes: readonly string[], nextStops: readonly string[]): void => {
    // A stop of chosen routes is about those routes there; without routes, about the stop itself.
    const places: Informed[] =
      nextStops.length === 0
        ? nextRoutes.map((route_id) => ({ route_id }))
        : nextStops.flatMap((stop_id): Informed[] =>
            nextRoutes.length === 0
              ? [{ stop_id }]
              : nextRoutes.map((route_id) => ({ route_id, stop_id })),
          );
    const kept = informed.filter((one) => one.trip_id !== undefined);
    props.onInformed([...kept, ...places.filter((one) => !kept.some((k) => sameEntity(k, one)))]);
  };
  return (
    <div class="alert-places">
      <SelectField
        label={t("addRoute")}
        none="–"
        value=""
        onValue={(id) => put([...routes, id], stops)}
        choices={state.network.value.routes
          .filter((route) => !routes.includes(route.id))
          .map((route) => ({ value: route.id, name: `${route.name} ${route.long_name}` }))}
      />
      <ul class="alert-chosen">
        {routes.map((id) => (
          <Chosen
            key={id}
            name={say("routeName", { route: routeName(id) })}
            onRemove={() =>
              put(
                routes.filter((one) => one !== id),
                stops,
              )
            }
          />
        ))}
        {stops.map((id) => (
          <Chosen
            key={id}
            name={stopName(id)}
            onRemove={() =>
              put(
                routes,
                stops.filter((one) => one !== id),
              )
            }
          />
        ))}
      </ul>
      {informed.length === 0 && <p class="act-note">{t("wholeCity")}</p>}
      <details>
        <summary>{say("stops")}</summary>
        <StopsField
          route_id={routes.length === 1 ? (routes[0] ?? "") : ""}
          chosen={stops}
          onChosen={(next) => put(routes, next)}
        />
      </details>
    </div>
  );
}

function Chosen(props: { name: string; onRemove: () => void }) {
  return (
    <li>
      {props.name}
      <IconButton
        icon="close"
        bare
        title={t("remove", { name: props.name })}
        onClick={props.onRemove}
      />
    </li>
  );
}

function counted(text: string, most: number): string {
  return t(text.length > most ? "tooLong" : "length", { n: text.length, most });
}

/** The words of one language. */
function Words({ language, content }: { language: Tongue; content: AlertContent }) {
  const header = content.header[language] ?? "";
  const text = content.description[language] ?? "";
  const url = content.url[language] ?? "";
  const name = say(`lang_${language}`);
  const doubtful = draft.value.doubtful.includes(language);
  const put = (part: "header" | "description" | "url", value: string): void => {
    draft.value = write(draft.value, part, language, value);
  };
  return (
    <fieldset
      id={`alert-${language}`}
      class={doubtful ? "is-doubtful" : ""}
      onFocusIn={() => {
        tongue.value = language;
      }}
    >
      <legend>{required.includes(language) ? t("langRequired", { language: name }) : name}</legend>
      {doubtful && (
        <p class="act-warning" role="status">
          {t("check")}{" "}
          <button
            type="button"
            onClick={() => {
              const left = draft.value.doubtful.filter((one) => one !== language);
              draft.value = { ...draft.value, doubtful: left };
            }}
          >
            {t("checked")}
          </button>
        </p>
      )}
      <TextField
        label={t("header")}
        lang={language}
        value={header}
        {...(header.length > header_max
          ? { error: counted(header, header_max) }
          : { hint: counted(header, header_max) })}
        onValue={(value) => put("header", value)}
      />
      <TextArea
        label={t("description")}
        lang={language}
        rows={5}
        value={text}
        {...(text.length > description_max
          ? { error: counted(text, description_max) }
          : { hint: counted(text, description_max) })}
        onValue={(value) => put("description", value)}
      />
      <TextField
        label={t("url")}
        type="url"
        value={url}
        error={isUrl(url) ? null : t("urlBad")}
        hint={t("urlHint")}
        onValue={(value) => put("url", value)}
      />
    </fieldset>
  );
}

async function fromTemplate(): Promise<void> {
  const { effect, cause, informed, from_s, until_s } = draft.value.content;
  const about = { effect, cause, informed, from_s, until_s };
  try {
    const words = await send<{ header: Texts; description: Texts }>(
      "POST",
      "/api/dispatch/alerts/draft",
      about,
    );
    draft.value = {
      ...draft.value,
      content: { ...draft.value.content, ...words },
      doubtful: [],
    };
  } catch (error) {
    failed(error);
  }
}

/** Publishes the draft; it stays when that fails. */
export async function attemptPublish(): Promise<void> {
  if (!ready.value || whyFrozen() !== null) return;
  const { alert_id, revision } = draft.value;
  const content = tidy(draft.value.content);
  const what = inTongue(content.header);
  const path = "/api/dispatch/alerts";
  try {
    const answer = alert_id
      ? await send<{ alert_id: string; revision: number }>("PUT", `${path}/${alert_id}`, {
          revision,
          content,
        })
      : await send<{ alert_id: string; revision: number }>("POST", path, content);
    draft.value = newDraft();
    done(t(alert_id ? "changed" : "published", { what }), () =>
      send("POST", `${path}/${answer.alert_id}/undo`, { revision: answer.revision }),
    );
  } catch (error) {
    failed(error);
  }
}

/** Takes the focus to the words of the next language. */
export function nextTongue(): void {
  const next = tongues[(tongues.indexOf(tongue.value) + 1) % tongues.length] ?? "kk";
  tongue.value = next;
  document.querySelector<HTMLInputElement>(`#alert-${next} input`)?.focus();
}
