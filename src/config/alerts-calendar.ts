import { isDate } from './alerts-schema.ts';
import { parseCsv } from './csv.ts';

const HEADER = 'date,day';

/** Rest days and working days of a file of the user's. */
export interface CalendarDays {
  readonly holidays: string[];
  readonly workdays: string[];
}

/**
 * Parses a CSV file with the header `date,day`, the day being `holiday` or `workday`.
 * @throws SyntaxError that lists every invalid line as `<file>:<line>: ...`
 */
export function parseCalendar(text: string, file: string): CalendarDays {
  const [header, ...rows] = parseCsv(text, file);
  if (header?.cells.map((cell) => cell.trim().toLowerCase()).join(',') !== HEADER)
    throw new SyntaxError(`${file}:${header?.line ?? 1}: the first line must be ${HEADER}`);
  const days = { holiday: [] as string[], workday: [] as string[] };
  const faults: string[] = [];
  for (const { line, cells } of rows) {
    const [date = '', day = ''] = cells.map((cell) => cell.trim());
    if (!isDate(date)) faults.push(`${file}:${line}: the date must be one that exists, such as 2026-10-01`);
    else if (day !== 'holiday' && day !== 'workday')
      faults.push(`${file}:${line}: the day must be holiday or workday`);
    else days[day].push(date);
  }
  if (faults.length > 0) throw new SyntaxError(faults.join('\n'));
  return { holidays: days.holiday, workdays: days.workday };
}
