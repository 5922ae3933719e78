import { language, languages, messages, t } from "../i18n";
import { IconButton } from "../kit/icon";
import { clockText, spell } from "../kit/when";
import { AlarmCounts } from "./counts";
import { switchAgency } from "./load";
import { may } from "./me";
import { MenuButton } from "./nav";
import { chooseLanguage, chooseTheme } from "./preferences";
import { Search } from "./search";
import * as state from "./state";
import { User } from "./user";

/**
 * The strip above every room: city, its time, how old the data is, how many are heard.
 *
 * Who may not see the buses (finance staff) is told nothing about a link that they do not have.
 */
export function Strip() {
  const seesBuses = may("viewer");
  return (
    <header class="strip">
      <MenuButton />
      <City />
      {seesBuses && (
        <>
          <Clock />
          <LinkAge />
          <Heard />
          <AlarmCounts />
          <Search />
        </>
      )}
      <Preferences />
      <User />
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
      <time>{time_s === null ? "--:--:--" : clockText(time_s)}</time>
      {fast && <span title={t("simulated", { rate: state.rate.value })}>×{state.rate.value}</span>}
    </span>
  );
}

function LinkAge() {
  const age_s = state.linkAge.value;
  const text =
    age_s === null || !state.link.value.reachable ? t("noLink") : t("link", { age: spell(age_s) });
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
        aria-label={t("theme")}
        onClick={() => chooseTheme(dark ? "light" : "dark")}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <circle cx="8" cy="8" r="6" />
          <path class="solid" d="M8 2a6 6 0 0 1 0 12Z" />
        </svg>
      </button>
      <IconButton
        icon="help"
        title={`${t("help")} (?)`}
        onClick={() => {
          state.helpShown.value = true;
        }}
      />
    </div>
  );
}
