/** What became of a report, for who has its code. */
import { useEffect, useState } from "preact/hooks";
import { ask, Failure } from "../api";
import { codeText } from "../outbox";
import { Loading, Notice, Title } from "../parts";
import { momentText } from "../say";
import type { FollowedReport } from "../types";
import { type Key, named, t } from "../words";

const every_ms = 30_000;

export function FollowedView({ code }: { code: string }) {
  const [report, setReport] = useState<FollowedReport | null>(null);
  const [wrong, setWrong] = useState<Failure | null>(null);
  useEffect(() => {
    let over = false;
    const look = () =>
      ask<FollowedReport>(`/api/rider/reports/${encodeURIComponent(code)}`).then(
        (found) => {
          if (over) return;
          setReport(found);
          setWrong(null);
        },
        (error: unknown) => {
          if (!over && error instanceof Failure) setWrong(error);
        },
      );
    void look();
    const timer = setInterval(() => void look(), every_ms);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [code]);
  const now_s = Date.now() / 1000;
  return (
    <>
      <Title>{t("reportMine")}</Title>
      <p class="code">{codeText(code)}</p>
      {wrong && (
        <Notice urgent>
          {wrong.status === 404 || wrong.status === 422
            ? t("reportNone")
            : t("failed", { why: wrong.words })}
        </Notice>
      )}
      {!report && !wrong && <Loading rows={3} />}
      {report && (
        <article class="alert alone">
          <p>
            <b>{named("kind", report.kind, "kind_other")}</b>{" "}
            <span class="quiet">{momentText(report.filed_s, now_s)}</span>
          </p>
          {report.body !== "" && <p class="text">{report.body}</p>}
          <p class="effect" role="status">
            <b>{t(`reportState_${report.state}` as Key)}</b>
          </p>
          <h2>{t("reportAnswer")}</h2>
          {report.answer === null ? (
            <p class="quiet">{t("reportNoAnswer")}</p>
          ) : (
            <>
              <p class="text answer">{report.answer}</p>
              <p class="quiet">
                {report.answered_s !== null && momentText(report.answered_s, now_s)}
              </p>
            </>
          )}
        </article>
      )}
    </>
  );
}
