import { language, languages, messages, t } from "../i18n";
import { Search } from "../live/search";
import { switchAgency } from "./load";
import { chooseLanguage, chooseTheme } from "./preferences";
import * as state from "./state";

/** The strip above every room: city, its time, how old the data is, how many are heard. */
export function Strip() {
  return (
    <header class="strip">
      <button
        type="button"
        class="icon routes-button"
        aria-expanded={state.routesShown.value}
        title={t("openRoutes")}
        onClick={() => {
          state.routesShown.value = !state.routesShown.value;
        }}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M2 4h12M2 8h12M2 12h12" />
        </svg>
        <span class="hidden">{t("openRoutes")}</span>
      </button>
      <City />
      <Clock />
      <LinkAge />
      <Heard />
      <Search />
      <Views />
      <Preferences />
    </header>
  );
}

function City() {
  const all = state.deployment.value?.agencies ?? [];
  const one = state.agency.value;
  if (all.length < 2) return <h1>{one?.name ?? "Sapar"}</h1>;
  return (
    <h1>
      <select
        aria-label={t("city")}
        value={state.agencyId.value ?? ""}
        onChange={(event) => switchAgency(event.currentTarget.value)}
      >
        {all.map((each) => (
          <option key={each.agency_id} value={each.agency_id}>
            {each.name}
          </option>
        ))}
      </select>
    </h1>
  );
}

function Clock() {
  const time_s = state.cityTime.value;
  const fast = state.rate.value !== 1;
  return (
    <span class="figure clock" title={t("cityTime")}>
      <time>{time_s === null ? "--:--:--" : state.clockText(time_s)}</time>
      {fast && <span title={t("simulated", { rate: state.rate.value })}>×{state.rate.value}</span>}
    </span>
  );
}

function LinkAge() {
  const age_s = state.linkAge.value;
  const text =
    age_s === null || !state.link.value.reachable
      ? t("noLink")
      : t("link", { age: state.spell(age_s) });
  return (
    <span class={`figure link ${state.frozen.value ? "is-old" : ""}`} title={t("linkTitle")}>
      {text}
    </span>
  );
}

function Heard() {
  const fleet = state.fleet.value;
  return (
    <span class="figure heard" title={t("heardTitle")}>
      {t("heard", { heard: fleet?.heard ?? "–", expected: fleet?.expected ?? "–" })}
    </span>
  );
}

function Views() {
  const choose = (list: boolean) => () => {
    state.listShown.value = list;
  };
  return (
    <fieldset class="switch views">
      <legend class="hidden">{t("view")}</legend>
      <button type="button" aria-pressed={!state.listShown.value} onClick={choose(false)}>
        {t("map")}
      </button>
      <button type="button" aria-pressed={state.listShown.value} onClick={choose(true)}>
        {t("list")}
      </button>
    </fieldset>
  );
}

function Preferences() {
  const dark = state.theme.value === "dark";
  return (
    <div class="preferences">
      <fieldset class="switch languages">
        <legend class="hidden">{t("languageChoice")}</legend>
        {languages.map((one) => (
          <button
            type="button"
            key={one}
            lang={one}
            title={messages[one].language}
            aria-pressed={one === language.value}
            onClick={() => chooseLanguage(one)}
          >
            {one}
          </button>
        ))}
      </fieldset>
      <button
        type="button"
        class="icon"
        title={t("theme")}
        onClick={() => chooseTheme(dark ? "light" : "dark")}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="8" cy="8" r="6" />
          <path class="solid" d="M8 2a6 6 0 0 1 0 12Z" />
        </svg>
        <span class="hidden">{t("theme")}</span>
      </button>
      <button
        type="button"
        class="icon"
        title={`${t("help")} (?)`}
        onClick={() => {
          state.helpShown.value = true;
        }}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.7 8 9.2 8 10M8 12.2v1.2" />
        </svg>
        <span class="hidden">{t("help")}</span>
      </button>
    </div>
  );
}
