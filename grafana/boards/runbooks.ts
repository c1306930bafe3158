import { readFileSync } from 'node:fs';
import type { Dashboard, Panel } from '../dashboard.ts';
import { LANGUAGES, text, type Language, type Text } from '../text.ts';
import { DATA_SOURCE_VARIABLE } from '../variables.ts';

/**
 * docs/alerts as panels, so that the link of an alert opens without a network and in the language of the dashboards.
 * The number of a panel is in those links: never give it to another page.
 */
export const RUNBOOKS = {
  uid: 'tokentide-runbooks',
  panels: {
    verdict: 1,
    'spike-key': 2,
    'spike-user': 3,
    'spike-account': 4,
    'spike-model': 5,
    ceiling: 6,
    'new-key': 7,
    'new-model': 8,
    day: 9,
    'cache-share': 10,
    'output-ratio': 11,
    dominance: 12,
    stale: 13,
    credentials: 14,
    'gap-open': 15,
    'gap-expired': 16,
    spool: 17,
    rejected: 18,
    reconciliation: 19,
    lookback: 20,
  } as Readonly<Record<string, number>>,
} as const;

export function runbooks(): Dashboard {
  return {
    uid: RUNBOOKS.uid,
    title: text('Alert runbooks', '告警处置手册'),
    description: text(
      'What to do about an alert: one page for each rule. Alerts link to their page.',
      '收到告警后怎么做：每条规则一页，告警中的链接指向对应页面。',
    ),
    variables: [DATA_SOURCE_VARIABLE],
    annotations: [],
    rows: [
      {
        title: text('One page for each rule', '每条规则一页'),
        panels: Object.entries(RUNBOOKS.panels).map(([name, id]) => page(name, id)),
      },
    ],
  };
}

function page(name: string, id: number): Panel {
  const pages = Object.fromEntries(LANGUAGES.map((language) => [language, read(name, language)]));
  const of = (part: 'title' | 'body'): Text =>
    Object.fromEntries(LANGUAGES.map((language) => [language, pages[language]![part]])) as Text;
  return {
    id,
    type: 'text',
    title: of('title'),
    description: text(
      `What to do when it fires. From \`docs/alerts/${name}.md\`.`,
      `触发后怎么做。内容来自 \`docs/alerts/zh-CN/${name}.md\`。`,
    ),
    width: 12,
    height: 18,
    queries: [],
    fieldConfig: { defaults: {}, overrides: [] },
    options: { mode: 'markdown', content: of('body') },
  };
}

/** A page without its first heading, which the panel has as its title. */
function read(name: string, language: Language): { readonly title: string; readonly body: string } {
  const folder = language === 'en' ? 'docs/alerts' : `docs/alerts/${language}`;
  const [heading = '', ...lines] = readFileSync(`${folder}/${name}.md`, 'utf8').split('\n');
  return { title: heading.replace(/^# /, ''), body: lines.join('\n').trim() };
}
