import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/usage/catalogue.ts';
import { structure, texts } from '../support/grafana-texts.ts';
import { BOARDS } from '../support/grafana.ts';

/** Words that Chinese texts keep. Names in code, tags and fields are kept as well. */
const KEPT = new Set(
  `Token tokentide API Key Grafana InfluxDB UTC Other Top Trae Ark UCloud SigCal CUE Chat R9S P50 P90 P95 P99 ID IP
  SSE SLO HTTP URL JSON CSV CLI cron teams reconcile collect gaps status backfill json N`.split(/\s+/),
);
/** Variables, addresses, code, time zones, paths and names of rules. */
const NOT_WORDS = /\$\{[^}]*\}|https?:\/\/\S+|`[^`]*`|\$\w+|[\w.]+\/[\w./]+|规则 [a-z-]+/g;
const CODE_WORD = /^[a-z]+(?:[_.-][a-z\d]+)+$/;

describe('the languages', () => {
  const english = BOARDS.en;

  it.each(english.map((board, index) => [board.file, board, BOARDS['zh-CN'][index]!] as const))(
    '%s has the same structure and queries in both',
    (_, en, zh) => {
      expect(structure(zh)).toEqual(structure(en));
    },
  );

  it.each(english.map((board, index) => [board.file, board, BOARDS['zh-CN'][index]!] as const))(
    '%s is translated',
    (_, en, zh) => {
      const chinese = new Map(texts(zh));
      const names = new Set(
        [...CATALOGUE.values()].flatMap((each) => [...each.tagNames, ...each.fieldNames]),
      );
      const foreign = (text: string): string[] =>
        [...text.replaceAll(NOT_WORDS, '').matchAll(/[A-Za-z][\w.-]*/g)]
          .map(([word]) => word.replace(/[.-]+$/, ''))
          .filter((word) => !KEPT.has(word) && !CODE_WORD.test(word) && !names.has(word));
      const isForeign = (path: string, text: string): boolean =>
        path.endsWith('/content') ? !/\p{Script=Han}{2}/u.test(text) : foreign(text).length > 0;

      const untranslated = [...chinese]
        .filter(([path, text]) => isForeign(path, text))
        .map(([path, text]) => `${path}: ${text} (${foreign(text).join(' ')})`);
      const translated = texts(en)
        .filter(([, text]) => /\p{Script=Han}/u.test(text))
        .map(([path, text]) => `${path}: ${text}`);
      const equal = texts(en)
        .filter(([path, text]) => chinese.get(path) === text && foreign(text).length > 0)
        .map(([path, text]) => `${path}: ${text}`);

      expect(untranslated).toEqual([]);
      expect(translated).toEqual([]);
      expect(equal).toEqual([]);
    },
  );
});
