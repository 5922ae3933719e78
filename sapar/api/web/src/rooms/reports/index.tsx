import type { Room } from "../room";
import { Detail, sendAnswer, takeOn } from "./detail";
import { chosen, List } from "./list";
import { t } from "./messages";
import "./room.css";

function View() {
  return (
    <section class="page reports">
      <header>
        <h2>{t("title")}</h2>
      </header>
      <div class="report-room">
        <List />
        <Detail />
      </div>
    </section>
  );
}

export const room: Room = {
  View,
  keys: [
    { code: "KeyY", label: "Y", text: () => t("keyTake"), run: () => void takeOn() },
    {
      code: "Enter",
      ctrl: true,
      label: "Ctrl Enter",
      text: () => t("keySend"),
      run: () => void sendAnswer(),
    },
  ],
  close() {
    const was = chosen.value !== null;
    chosen.value = null;
    return was;
  },
};
