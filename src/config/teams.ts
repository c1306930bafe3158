import { parseCsv } from './csv.ts';

const HEADER = 'email,team';

/**
 * Parses a CSV file with the header `email,team`: lower-case e-mail -> team.
 * @throws SyntaxError that lists every invalid line as `<file>:<line>: ...`
 */
export function parseTeams(text: string, file: string): Map<string, string> {
  const [header, ...rows] = parseCsv(text, file);
  if (header?.cells.map((cell) => cell.trim().toLowerCase()).join(',') !== HEADER) {
    throw new SyntaxError(`${file}:${header?.line ?? 1}: the first line must be ${HEADER}`);
  }
  const teams = new Map<string, string>();
  const faults: string[] = [];
  for (const { line, cells } of rows) {
    const [email = '', team = ''] = cells.map((cell) => cell.trim());
    const fault = faultOf(cells.length, email, team, teams);
    if (fault) faults.push(`${file}:${line}: ${fault}`);
    else teams.set(email.toLowerCase(), team);
  }
  if (faults.length > 0) throw new SyntaxError(faults.join('\n'));
  return teams;
}

function faultOf(
  cells: number,
  email: string,
  team: string,
  teams: ReadonlyMap<string, string>,
): string | undefined {
  if (cells !== 2)
    return `2 columns are expected (${HEADER}), not ${cells}; put a comma inside a name in quotes`;
  if (email === '') return 'the e-mail is missing';
  if (team === '') return `${email} has no team; leave the line out if that is meant`;
  const other = teams.get(email.toLowerCase());
  if (other !== undefined && other !== team) return `${email} is in ${other} already`;
  return undefined;
}
