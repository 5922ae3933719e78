import { t as say } from "../../i18n";
import { undoNewest } from "../../kit/toast";
import { may } from "../../shell/me";
import type { Room } from "../room";
import { attemptPublish, Editor, nextTongue } from "./editor";
import { List } from "./list";
import { t } from "./messages";
import "../acts/room.css";
import "./room.css";

function View() {
  return (
    <div class="alerts">
      <List />
      {may("dispatcher") && <Editor />}
    </div>
  );
}

export const room: Room = {
  View,
  keys: [
    { code: "KeyU", label: "U", text: () => say("undo"), run: () => void undoNewest() },
    { code: "F8", label: "F8", text: () => t("keyNext"), run: nextTongue },
    {
      code: "Enter",
      ctrl: true,
      label: "Ctrl Enter",
      text: () => t("keyPublish"),
      run: () => void attemptPublish(),
    },
  ],
};
