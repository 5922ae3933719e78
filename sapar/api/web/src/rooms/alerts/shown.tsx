/** What a rider will see: in an app, and on the board of a stop. */
import { type AlertContent, tongues } from "../../desk/types";
import { Chip } from "../../kit/chip";
import { Switch } from "../../kit/fields";
import { momentText } from "../../kit/when";
import { routeName } from "../acts/about";
import { t as say } from "../acts/messages";
import { tongue } from "./draft";
import { t } from "./messages";

export function Shown({ content }: { content: AlertContent }) {
  const language = tongue.value;
  const header = content.header[language] ?? "";
  const text = content.description[language] ?? "";
  const routes = [...new Set(content.informed.flatMap((one) => one.route_id ?? []))];
  const until =
    content.until_s === null ? t("noEnd") : t("untilTime", { time: momentText(content.until_s) });
  return (
    <section class="alert-preview" aria-label={t("preview")}>
      <h3>{t("preview")}</h3>
      <Switch
        label={t("preview")}
        value={language}
        choices={tongues.map((one) => ({ value: one, name: say(`lang_${one}`) }))}
        onValue={(one) => {
          tongue.value = one;
        }}
      />
      <div class="alert-screens" lang={language}>
        <figure>
          <figcaption>{t("phone")}</figcaption>
          <div class="alert-phone">
            <p class="alert-head">
              {routes.map((id) => (
                <Chip key={id} id={id} name={routeName(id)} />
              ))}
              <strong>{header || "…"}</strong>
            </p>
            <p>{text || "…"}</p>
            <p class="act-note">{until}</p>
          </div>
        </figure>
        <figure>
          <figcaption>{t("board")}</figcaption>
          <p class="alert-board">{header || "…"}</p>
        </figure>
      </div>
    </section>
  );
}
