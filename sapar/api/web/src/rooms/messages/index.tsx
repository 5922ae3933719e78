import { t as say } from "../../i18n";
import { undoNewest } from "../../kit/toast";
import { may } from "../../shell/me";
import type { Room } from "../room";
import { Compose, send } from "./compose";
import { to, toRoute } from "./letter";
import { List } from "./list";
import { t } from "./messages";
import "../acts/room.css";
import "./room.css";

function View() {
  return (
    <div class="letters">
      {may("dispatcher") && <Compose />}
      <List />
    </div>
  );
}

export const room: Room = {
  View,
  keys: [
    { code: "KeyU", label: "U", text: () => say("undo"), run: () => void undoNewest() },
    {
      code: "Enter",
      ctrl: true,
      label: "Ctrl Enter",
      text: () => t("keySend"),
      run: () => void send(),
    },
  ],
  find(hit) {
    if (hit.kind === "stop") return false;
    to.value = hit.kind === "bus" ? hit.id : null;
    toRoute.value = hit.kind === "route" ? hit.id : null;
    return true;
  },
};
