/** Beginnings of answers, in the language of the rider; the person who answers goes on from them. */

export type Language = "kk" | "ru" | "en";

export const templates: readonly Readonly<Record<Language, string>>[] = [
  {
    en: "Thank you for the report. The records of the bus confirm it: ",
    ru: "Спасибо за сообщение. Записи автобуса его подтверждают: ",
    kk: "Хабарыңызға рахмет. Автобус жазбалары оны растайды: ",
  },
  {
    en: "Thank you for the report. By the records the bus was at the stop at ",
    ru: "Спасибо за сообщение. По записям автобус был на остановке в ",
    kk: "Хабарыңызға рахмет. Жазбалар бойынша автобус аялдамада болған уақыты: ",
  },
  {
    en: "The run was cancelled, and we had not said so in time. We are sorry. ",
    ru: "Рейс был отменён, и мы не сообщили об этом вовремя. Приносим извинения. ",
    kk: "Рейс болмады, біз оны уақытында айтпадық. Кешірім сұраймыз. ",
  },
  {
    en: "The carrier has been told and will answer for it. ",
    ru: "Перевозчику передано, он ответит за это. ",
    kk: "Тасымалдаушыға жеткізілді, ол жауап береді. ",
  },
  {
    en: "The stop will be put right. ",
    ru: "Остановку исправят. ",
    kk: "Аялдама түзетіледі. ",
  },
];
