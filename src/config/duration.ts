import { DAY, HOUR, MINUTE } from '../windows/units.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** `5m`, `2h`, `3d`, `1w`: seconds; undefined for anything else, zero included. */
export function parseDuration(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,6})([smhdw])$/.exec(text);
  const unit = match && UNITS[match[2] ?? ''];
  return unit ? Number(match[1]) * unit : undefined;
}

/** Formats seconds: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`. */
export function formatSpan(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
