import { CATALOGUE } from '../../src/usage/catalogue.ts';
import type { Override, PanelJson } from './grafana.ts';

/** Columns of text; all others hold numbers. */
export const TAGS = new Set([...CATALOGUE.values()].flatMap(({ tagNames }) => tagNames));

/** Columns of a table by the name that the query gives them. */
export function columnsOf({ type, transformations = [] }: PanelJson): string[] {
  const organize = transformations.findLast(({ id }) => id === 'organize');
  if (type !== 'table' || !organize) return [];
  const { excludeByName = {}, indexByName = {} } = organize.options as {
    excludeByName?: Record<string, boolean>;
    indexByName?: Record<string, number>;
  };
  return Object.keys(indexByName).filter((column) => excludeByName[column] !== true);
}

export const numberColumns = (panel: PanelJson): string[] =>
  columnsOf(panel).filter((column) => !TAGS.has(column));

export const hasUnit = (panel: PanelJson, column: string): boolean =>
  propertyOf(panel, column, 'unit') !== undefined;

export const isTime = (panel: PanelJson, column: string): boolean =>
  String(propertyOf(panel, column, 'unit')).startsWith('dateTime');

/** A number that is shown as text, by value mappings. */
export const isText = (panel: PanelJson, column: string): boolean =>
  propertyOf(panel, column, 'mappings') !== undefined;

/** A property of a table's column, which overrides name as people see it. */
export function propertyOf(
  { fieldConfig, transformations = [] }: PanelJson,
  column: string,
  id: string,
): unknown {
  const organize = transformations.findLast((each) => each.id === 'organize');
  const renamed = (organize?.options['renameByName'] as Record<string, string> | undefined)?.[column];
  const applies = ({ matcher }: Override): boolean =>
    matcher.id === 'byName' && matcher.options === (renamed ?? column);
  return (fieldConfig?.overrides ?? [])
    .filter(applies)
    .flatMap(({ properties }) => properties)
    .find((property) => property.id === id)?.value;
}
