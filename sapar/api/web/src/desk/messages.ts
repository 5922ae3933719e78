import { words } from "../i18n";

/** Words of the dispatcher's buttons beside a bus, a ghost or a stop. */
export const t = words({
  en: { cancel: "Cancel run", skip: "Skip stops", close: "Close stop", detour: "Detour" },
  kk: {
    cancel: "Рейсті алып тастау",
    skip: "Аялдаманы өткізу",
    close: "Аялдаманы жабу",
    detour: "Айналма жол",
  },
  ru: {
    cancel: "Отменить рейс",
    skip: "Пропустить остановки",
    close: "Закрыть остановку",
    detour: "Объезд",
  },
});
