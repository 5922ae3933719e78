/** A password or a key, shown once. */
import { Dialog } from "../../kit/dialog";
import { attempt } from "../../kit/toast";
import { t } from "./messages";

export function ToldOnce(props: {
  title: string;
  text: string;
  secret: string | null;
  onClose: () => void;
}) {
  const { secret } = props;
  return (
    <Dialog open={secret !== null} title={props.title} onClose={props.onClose}>
      <p>{props.text}</p>
      <p class="told">
        <output>{secret}</output>
        <button
          type="button"
          onClick={() =>
            void attempt(() => navigator.clipboard.writeText(secret ?? ""), t("copied"))
          }
        >
          {t("copy")}
        </button>
      </p>
    </Dialog>
  );
}
