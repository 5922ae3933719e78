import { phases } from "../../data/types";
import { type Question, questions, type Shape, shapeOfPhase, type Tone } from "../../domain/look";
import { type Key, t } from "../../i18n";
import { Glyph } from "../../kit/glyph";
import { question } from "../../shell/state";
import { phaseWords } from "../../vehicle/words";
import { exceptionsOnly } from "./filters";

interface Entry {
  readonly shape: Shape;
  readonly tone: Tone;
  readonly hollow?: boolean;
  readonly text: Key;
  readonly sign?: string;
}

export const questionNames: Readonly<Record<Question, Key>> = {
  adherence: "questionPunctuality",
  headway: "questionHeadway",
  load: "questionLoad",
  age: "questionAge",
  route: "questionRoute",
};

const entries: Readonly<Record<Question, readonly Entry[]>> = {
  adherence: [
    { shape: "arrow-ahead", tone: "cold2", text: "early2", sign: "−3" },
    { shape: "arrow-ahead", tone: "cold1", text: "early1", sign: "−1" },
    { shape: "arrow", tone: "even", text: "even" },
    { shape: "arrow-behind", tone: "warm1", text: "late1", sign: "+7" },
    { shape: "arrow-behind", tone: "warm2", text: "late2", sign: "+12" },
    { shape: "arrow", tone: "age2", text: "noDelay" },
  ],
  headway: [
    { shape: "arrow-bunched", tone: "cold2", text: "spacing_bunched2", sign: "2′" },
    { shape: "arrow-bunched", tone: "cold1", text: "spacing_bunched1", sign: "5′" },
    { shape: "arrow", tone: "even", text: "spacing_even" },
    { shape: "arrow-gap", tone: "warm1", text: "spacing_gap1", sign: "12′" },
    { shape: "arrow-gap", tone: "warm2", text: "spacing_gap2", sign: "19′" },
    { shape: "arrow", tone: "age2", text: "spacing_none" },
  ],
  load: [
    { shape: "arrow", tone: "cold1", text: "load_low", sign: "10 %" },
    { shape: "arrow", tone: "even", text: "load_some", sign: "50 %" },
    { shape: "arrow", tone: "warm1", text: "load_high", sign: "80 %" },
    { shape: "arrow-full", tone: "warm2", text: "load_full", sign: "95 %" },
    { shape: "arrow", tone: "age2", text: "load_none" },
  ],
  age: [
    { shape: "arrow", tone: "even", text: "fresh" },
    { shape: "arrow", tone: "age1", text: "aging" },
    { shape: "arrow", tone: "age2", hollow: true, text: "old" },
  ],
  route: [{ shape: "arrow", tone: "even", text: "routeColours" }],
};

const noDirection: Entry = { shape: "dot", tone: "even", text: "glyphNoDirection" };
const hollow: Entry = { shape: "arrow", tone: "even", hollow: true, text: "old" };

/**
 * What the colours and shapes mean; always on the map, because a colour alone says nothing. The
 * states' shapes stand in the filter beside the map; where it is folded away, they stand here too.
 */
export function Legend() {
  const asked = question.value;
  const shown = [...entries[asked], noDirection, ...(asked === "age" ? [] : [hollow])];
  return (
    <div class="legend">
      <p class="asked" aria-hidden="true">
        {t("question")}
      </p>
      <fieldset class="switch">
        <legend class="hidden">{t("question")}</legend>
        {questions.map((one) => (
          <button
            type="button"
            key={one}
            aria-pressed={one === asked}
            onClick={() => {
              question.value = one;
            }}
          >
            {t(questionNames[one])}
          </button>
        ))}
      </fieldset>
      <details open={innerWidth > 1180}>
        <summary>{t("legend")}</summary>
        <ul>
          {shown.map((entry) => (
            <li key={`${entry.text}-${entry.shape}`}>
              <Glyph
                shape={entry.shape}
                tone={entry.tone}
                hollow={entry.hollow ?? false}
                turn={0}
              />
              <span class="sign">{entry.sign ?? ""}</span>
              <span>{t(entry.text)}</span>
            </li>
          ))}
          {asked === "age" && <li class="rest">{t("gone")}</li>}
        </ul>
        <ul class="shapes">
          {phases
            .filter((phase) => phase !== "in_progress")
            .map((phase) => (
              <li key={phase}>
                <Glyph shape={shapeOfPhase[phase]} tone="even" />
                <span>{phaseWords(phase)}</span>
              </li>
            ))}
        </ul>
      </details>
      <label class="tick">
        <input
          type="checkbox"
          checked={exceptionsOnly.value}
          onChange={(event) => {
            exceptionsOnly.value = event.currentTarget.checked;
          }}
        />
        {t("exceptionsOnly")}
      </label>
    </div>
  );
}
