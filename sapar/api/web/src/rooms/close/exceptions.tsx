/** What stands in the way of a day's close, with the one act that lets it be closed all the same. */
import { detailText } from "../../finance/details";
import { kindName } from "../../finance/kinds";
import type { Exceptional } from "../../finance/types";
import { send } from "../../kit/api";
import { ask } from "../../kit/dialog";
import { moneyText } from "../../kit/money";
import { Empty } from "../../kit/states";
import { attempt } from "../../kit/toast";
import { may } from "../../shell/me";
import { go } from "../../shell/query";
import { t } from "./messages";

export function Obstacles(props: {
  rows: readonly Exceptional[];
  /** Nothing stands in the way any more: what was accepted is told, and stays as it is. */
  closed: boolean;
  onChanged: () => void;
}) {
  const { rows, closed, onChanged } = props;
  const acting = !closed && may("accountant", "chief_accountant");
  const act = async (one: Exceptional, what: "accept" | "unaccept"): Promise<void> => {
    const accepting = what === "accept";
    const text = await ask({
      title: t(accepting ? "acceptTitle" : "takeBackTitle"),
      text: accepting ? t("acceptText") : `${kindName(one.kind)}: ${detailText(one.detail)}`,
      confirm: t(accepting ? "acceptNow" : "takeBack"),
      reason: t("reason"),
    });
    if (text === null) return;
    const path = `/api/finance/exceptions/${one.exception_no}/${what}`;
    // what is accepted is what was seen: refused when it is worth something else by now
    const body = accepting ? { text, value_tiyn: one.value_tiyn } : { text };
    if (await attempt(() => send("POST", path, body), "")) onChanged();
  };
  return (
    <section class="block">
      <h3>{t(closed ? "leftOpen" : "exceptions")}</h3>
      {rows.length === 0 ? (
        <Empty>{t("noExceptions")}</Empty>
      ) : (
        <div class="scroll-x">
          <table class="ledger">
            <thead>
              <tr>
                <th scope="col">{t("what")}</th>
                <th scope="col" class="number">
                  {t("value")}
                </th>
                <th scope="col">{t("state")}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((one) => (
                <tr key={one.exception_no}>
                  <td>
                    <button
                      type="button"
                      class="inline"
                      onClick={() => go({ room: "explain" }, { no: String(one.exception_no) })}
                    >
                      {kindName(one.kind)}
                    </button>
                    <p class="quiet">{detailText(one.detail)}</p>
                  </td>
                  <td class="number">{moneyText(one.value_tiyn)}</td>
                  <td>
                    {one.accepted_at === null
                      ? acting && (
                          <button type="button" onClick={() => void act(one, "accept")}>
                            {t("accept")}
                          </button>
                        )
                      : t("accepted", {
                          who: one.accepted_by ?? "",
                          why: one.accepted_reason ?? "",
                        })}{" "}
                    {one.accepted_at !== null && acting && (
                      <button type="button" onClick={() => void act(one, "unaccept")}>
                        {t("takeBack")}
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
