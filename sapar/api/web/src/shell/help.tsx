import { t } from "../i18n";
import { Dialog } from "../kit/dialog";
import { CheckField } from "../kit/fields";
import { chooseLetters } from "./preferences";
import { openRoom, visibleEntries } from "./rooms";
import { helpShown, lettersOn } from "./state";

function Keys({ title, lines }: { title: string; lines: readonly (readonly [string, string])[] }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl>
        {lines.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** The keys of the house and of the room, and the switch that turns letters off (WCAG 2.1.4). */
export function Help() {
  const own = (openRoom.value?.keys ?? []).map((key) => [key.label, key.text()] as const);
  const rooms = visibleEntries.value.flatMap(({ after, name }) =>
    after === null ? [] : [[`G  ${after.replace("Key", "")}`, t(name)] as const],
  );
  return (
    <Dialog
      open={helpShown.value}
      title={t("helpTitle")}
      wide
      onClose={() => {
        helpShown.value = false;
      }}
    >
      <div class="help">
        <Keys
          title={t("keysEverywhere")}
          lines={[
            ["/", t("keySearch")],
            ["Esc", t("keyClose")],
            ["?", t("keyHelp")],
            ["G  T", t("keyList")],
            ["← ↑ ↓ →", t("keyPan")],
          ]}
        />
        {own.length > 0 && <Keys title={t("keysHere")} lines={own} />}
        <Keys title={t("rooms")} lines={rooms} />
      </div>
      <p>{t("helpNote")}</p>
      <CheckField label={t("letterKeys")} checked={lettersOn.value} onChecked={chooseLetters} />
    </Dialog>
  );
}
