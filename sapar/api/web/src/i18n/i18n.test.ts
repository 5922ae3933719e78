import { describe, expect, it } from "vitest";
import { firstLanguage, languages, messages, type RoomWords } from ".";
import { en, type Key } from "./en";
import { format, namesIn } from "./format";

describe("format", () => {
  it("puts values in", () => {
    expect(format("link {age}", "en", { age: "2 s" })).toBe("link 2 s");
  });

  it.each([
    [1, "1 машина"],
    [2, "2 машины"],
    [5, "5 машин"],
    [11, "11 машин"],
    [21, "21 машина"],
    [102, "102 машины"],
  ])("knows the Russian form of %i", (n, text) => {
    const message = "{n, plural, one {# машина} few {# машины} many {# машин} other {# машины}}";
    expect(format(message, "ru", { n })).toBe(text);
  });

  it("groups digits as the language does", () => {
    expect(format("{n, plural, one {# bus} other {# buses}}", "en", { n: 1234 })).toBe(
      "1,234 buses",
    );
    expect(format("{n}", "ru", { n: 12345 })).toBe("12\u00a0345");
  });

  it("chooses among words, with values in them", () => {
    const message = "{when, select, late {{n} min late} other {on time}}, #1";
    expect(format(message, "en", { when: "late", n: 3 })).toBe("3 min late, #1");
    expect(format(message, "en", { when: "even", n: 3 })).toBe("on time, #1");
    expect(namesIn(message)).toEqual(new Set(["when", "n"]));
    expect(() => format("{when, select, late {x}}", "en", { when: "late" })).toThrow();
  });

  it("refuses what is not well formed, and a value that is missing", () => {
    expect(() => format("{n", "en", { n: 1 })).toThrow();
    expect(() => format("{n, plural, one {a}}", "en", { n: 1 })).toThrow();
    expect(() => format("{n}", "en")).toThrow("needs a value for n");
  });
});

describe("messages", () => {
  const keys = Object.keys(en) as Key[];

  it.each(languages)("of %s are whole and use the same values as English", (language) => {
    for (const key of keys) {
      const text = messages[language][key];
      expect(text.trim(), key).not.toBe("");
      expect(namesIn(text), key).toEqual(namesIn(en[key]));
    }
  });

  it.each(languages)("of %s have every plural form that the language has", (language) => {
    const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const key of keys) {
      const text = messages[language][key];
      if (!text.includes(", plural,")) continue;
      for (const category of categories) expect(text, key).toContain(`${category} {`);
    }
  });

  it("are translated: Kazakh and Russian differ from English except for names", () => {
    for (const language of ["kk", "ru"] as const) {
      const same = keys.filter((key) => messages[language][key] === en[key]);
      expect(same).toEqual([]);
    }
  });
});

/** Every room's own messages, by the name of its folder. */
const rooms = Object.entries(
  import.meta.glob<{ readonly t: RoomWords<string> }>("../rooms/*/messages.ts", { eager: true }),
).map(([path, { t }]) => [path.split("/")[2] ?? path, t.messages] as const);

describe.skipIf(rooms.length === 0)("messages of a room", () => {
  it.each(rooms)(
    "%s: the same values in all languages, every plural form, no empty text",
    (_, all) => {
      for (const [key, english] of Object.entries(all.en)) {
        for (const language of languages) {
          const text = all[language][key] ?? "";
          expect(text.trim(), `${language} ${key}`).not.toBe("");
          expect(namesIn(text), `${language} ${key}`).toEqual(namesIn(english));
          if (!text.includes(", plural,")) continue;
          const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions();
          for (const category of pluralCategories) {
            expect(text, `${language} ${key}`).toContain(`${category} {`);
          }
        }
        expect(Object.keys(all.kk).sort()).toEqual(Object.keys(all.en).sort());
        expect(Object.keys(all.ru).sort()).toEqual(Object.keys(all.en).sort());
      }
    },
  );
});

describe("firstLanguage", () => {
  it("takes the first that it knows", () => {
    expect(firstLanguage("kk", "ru", ["en"])).toBe("kk");
    expect(firstLanguage("de", null, ["fr-FR", "ru-KZ"])).toBe("ru");
    expect(firstLanguage(null, null, ["fr"])).toBe("en");
  });
});
