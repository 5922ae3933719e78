import { t } from "../i18n";
import { Banner } from "../live/banner";
import { List } from "../live/list";
import { Panel } from "../live/panel";
import { Side } from "../live/side";
import { Stage } from "../live/stage";
import { Help } from "./help";
import { listShown, selected, webglMissing } from "./state";
import { Strip } from "./strip";

/** The console: a strip above, and below it the room. The live map is the first room. */
export function App() {
  const list = listShown.value || webglMissing.value;
  return (
    <>
      <button
        type="button"
        class="skip"
        onClick={() => {
          listShown.value = true;
          requestAnimationFrame(() => document.querySelector<HTMLElement>(".list button")?.focus());
        }}
      >
        {t("skip")}
      </button>
      <Strip />
      <Banner />
      <main class={`room ${selected.value === null ? "" : "has-panel"}`}>
        <Side />
        {list ? <List /> : <Stage />}
        <Panel />
      </main>
      <Help />
    </>
  );
}
