import { Acting } from "../desk/acting";
import { t } from "../i18n";
import { Asked } from "../kit/dialog";
import { Toasts } from "../kit/toast";
import { ReplayPlace } from "../replay/place";
import { Panel } from "../vehicle/panel";
import { Again } from "./again";
import { Banner } from "./banner";
import { Emergency } from "./emergency";
import { Help } from "./help";
import { Nav } from "./nav";
import { openRoom, RoomPlace } from "./rooms";
import { selectedBus, selectedStop, selectedTrip } from "./state";
import { Strip } from "./strip";

/** The console: a strip and the list of rooms above, the room below, the selected bus beside it. */
export function App() {
  const chosen = selectedBus.value ?? selectedTrip.value ?? selectedStop.value;
  const panel = (openRoom.value?.panel ?? false) && chosen !== null;
  return (
    <>
      <a class="skip" href="#room">
        {t("skip")}
      </a>
      <Strip />
      <Nav />
      <Emergency />
      <Banner />
      <main id="room" tabIndex={-1} class={panel ? "has-panel" : ""}>
        <RoomPlace />
        {panel && <Panel />}
      </main>
      <ReplayPlace />
      <Toasts />
      <Asked />
      <Acting />
      <Help />
      <Again />
    </>
  );
}
