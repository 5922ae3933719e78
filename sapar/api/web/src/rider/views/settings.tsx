/** Language, colours, size of the text, and putting the page on the home screen. */
import { go } from "../address";
import { languages } from "../boot";
import { offer } from "../install";
import { Title } from "../parts";
import { chooseLanguage, chooseSize, chooseTheme } from "../preferences";
import { type Size, size, type Theme, theme } from "../store";
import { type Key, language, t } from "../words";

const names = { kk: "Қазақша", ru: "Русский", en: "English" } as const;
const themes: readonly (readonly [Theme, Key])[] = [
  ["auto", "themeAuto"],
  ["light", "themeLight"],
  ["dark", "themeDark"],
];
const sizes: readonly (readonly [Size, Key])[] = [
  ["normal", "sizeNormal"],
  ["large", "sizeLarge"],
  ["largest", "sizeLargest"],
];

export function SettingsView() {
  return (
    <>
      <Title>{t("settings")}</Title>
      <Choices
        legend={t("language")}
        name="language"
        value={language.value}
        choices={languages.map((one) => [one, names[one]])}
        onChoose={(one) => {
          chooseLanguage(one);
          const url = new URL(location.href);
          url.searchParams.set("lang", one);
          go(url.href, true);
        }}
      />
      <Choices
        legend={t("theme")}
        name="theme"
        value={theme.value}
        choices={themes.map(([one, key]) => [one, t(key)])}
        onChoose={chooseTheme}
      />
      <Choices
        legend={t("textSize")}
        name="size"
        value={size.value}
        choices={sizes.map(([one, key]) => [one, t(key)])}
        onChoose={chooseSize}
      />
      {offer.value && (
        <section>
          <button
            type="button"
            class="primary wide"
            onClick={() => {
              void offer.value?.prompt();
              offer.value = null;
            }}
          >
            {t("install")}
          </button>
          <p class="quiet">{t("installHint")}</p>
        </section>
      )}
    </>
  );
}

interface ChoicesProps<T extends string> {
  readonly legend: string;
  readonly name: string;
  readonly value: T;
  readonly choices: readonly (readonly [T, string])[];
  readonly onChoose: (value: T) => void;
}

function Choices<T extends string>({ legend, name, value, choices, onChoose }: ChoicesProps<T>) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      {choices.map(([one, words]) => (
        <label class="choice" key={one}>
          <input type="radio" name={name} checked={one === value} onChange={() => onChoose(one)} />
          {words}
        </label>
      ))}
    </fieldset>
  );
}
