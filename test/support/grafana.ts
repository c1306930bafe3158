import { generate } from '../../grafana/build.ts';
import { DEFAULTS } from '../../grafana/settings.ts';
import { LANGUAGES, type Language } from '../../grafana/text.ts';

/** What Grafana reads of a dashboard, as far as the tests look at it. */

export interface Target {
  readonly refId: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly query: string;
  readonly rawQuery: boolean;
  readonly resultFormat: string;
  readonly alias?: string;
}

interface Property {
  readonly id: string;
  readonly value: unknown;
}

export interface Override {
  readonly matcher: { readonly id: string; readonly options: string };
  readonly properties: readonly Property[];
}

export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: Target['datasource'];
  readonly targets?: readonly Target[];
  readonly interval?: string;
  readonly fieldConfig?: {
    readonly defaults: Readonly<Record<string, unknown>>;
    readonly overrides: readonly Override[];
  };
  readonly options?: Readonly<Record<string, unknown>>;
  readonly transformations?: readonly {
    readonly id: string;
    readonly options: Readonly<Record<string, unknown>>;
  }[];
  readonly collapsed?: boolean;
  readonly panels?: readonly PanelJson[];
}

export interface VariableJson {
  readonly name: string;
  readonly type: string;
  readonly query: string;
  readonly label?: string;
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue?: string;
  readonly hide: number;
  readonly options: readonly { readonly value: string }[];
  readonly current: { readonly value?: string | readonly string[] };
}

export interface AnnotationJson {
  readonly name: string;
  readonly datasource: Target['datasource'];
  readonly query?: string;
  readonly target?: Target;
}

export interface Board {
  /** Name of the file. */
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly templating: { readonly list: readonly VariableJson[] };
  readonly annotations: { readonly list: readonly AnnotationJson[] };
  readonly panels: readonly PanelJson[];
}

const files = generate(DEFAULTS);

/** All dashboards that the generator makes, in one language. */
export function boardsIn(language: Language): Board[] {
  const folder = `dashboards/${language}/`;
  return [...files]
    .filter(([path]) => path.startsWith(folder))
    .map(([path, content]) => Object.assign(JSON.parse(content), { file: path.slice(folder.length) }));
}

export const BOARDS: Readonly<Record<Language, readonly Board[]>> = Object.fromEntries(
  LANGUAGES.map((language) => [language, boardsIn(language)]),
) as Record<Language, Board[]>;

/** Panels, those inside collapsed rows too, but not the rows. */
export function panelsOf(board: Board): PanelJson[] {
  return board.panels.flatMap((panel) => (panel.type === 'row' ? [...(panel.panels ?? [])] : [panel]));
}

export interface PlacedQuery {
  /** For messages: the panel, variable or annotation. */
  readonly place: string;
  readonly kind: 'panel' | 'variable' | 'annotation';
  readonly query: string;
  readonly panel?: PanelJson;
}

/** Every query that opening the dashboard and all its rows sends. */
export function queriesOf(board: Board): PlacedQuery[] {
  const panels = panelsOf(board).flatMap((panel) =>
    (panel.targets ?? []).map(({ refId, query }) => ({
      place: `${board.file}: ${panel.id} ${panel.title} ${refId}`,
      kind: 'panel' as const,
      query,
      panel,
    })),
  );
  const variables = board.templating.list
    .filter(({ type }) => type === 'query')
    .map(({ name, query }) => ({ place: `${board.file}: $${name}`, kind: 'variable' as const, query }));
  const annotations = board.annotations.list.map(({ name, target }) => ({
    place: `${board.file}: annotation ${name}`,
    kind: 'annotation' as const,
    query: target?.query ?? '',
  }));
  return [...variables, ...panels, ...annotations];
}
