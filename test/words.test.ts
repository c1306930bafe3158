import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { pages, ROOT } from './support/markdown.ts';

/** A phrase that must not be used, and the plain wording that replaces it. */
type Rule = readonly [phrase: RegExp, replacement: string];

/** Applies to prose: documentation, comments, messages, help texts, job files and test titles. */
const PHRASES: readonly Rule[] = [
  // Filler and translated idioms.
  [/\bso many\b/, 'name the quantity: "consecutive failures before ..."'],
  [/\bso far back from now\b/, 'an age: 30d'],
  [/\bapart\b/, 'separate, separately, "distinguish", or "at intervals of ..."'],
  [/\banew\b/, 'again'],
  [/\bfor good\b(?! (?:reason|measure))/, 'permanently'],
  [/\bfor ever\b/, 'forever, or "indefinitely"'],
  [/\bby (?:itself|themselves)\b/, 'automatically, or "alone"'],
  [/\bif need be\b/, 'if necessary'],
  [/\bin words\b/, 'as text'],
  [/\bat hand\b/, 'available, or "cached"'],
  [/\bof late\b/, 'recently'],
  [/\bgone by\b/, 'elapsed'],
  [/\bfor want of\b/, 'because ... is missing'],
  [/\basked for again and again\b/, 'requested repeatedly'],
  [/\bwithout a word\b/, 'silently, or "without a message"'],
  [/\bwhoever\b/, 'anyone who, or name the role'],
  [/\bculprits?\b/, 'the failing partition'],
  [/\bpasses by itself\b|\bpass by themselves\b/, 'transient'],
  [
    /\b(?:stands?|standing) (?:here|there|right|in(?! for)|at|above|below|beside|behind|before|alone|under|still)\b/,
    'is',
  ],
  [/\bmay not stand\b/, 'must not be written'],
  [/\bstands? (?:twice|for too much)\b/, 'is duplicated'],
  [/\bwants? (?:an?|them|mending|1d|`)/, 'needs, requires'],
  [/\bwhat the caller owes\b/, 'Preconditions'],
  [/\bno such folder\b/, 'folder not found'],
  [/\bcompressed beside\b/, 'compressed concurrently'],
  [/\bheals?\b/, 'repairs'],
  [/\bmoments? to come\b|\bvalues to come\b/, 'future'],
  [/\bsay(?:s)? false\b/, 'set to false'],
  [/\bwhat it says\b/, 'description'],
  [/\blook and prove\b/, 'inspect and verify'],
  [/\bnot to be had\b/, 'not available'],
  [/\bwhat (?:is to become|became|will become) of\b/, 'the outcome, or "what to do with"'],
  [/\bwhat truly happened\b/, 'the true totals, the actual usage'],
  [/\bheld against\b/, 'compared with'],
  [/\bspeaks? of\b/, 'reports, names'],
  [/\bdependably\b/, 'reliably'],
  [/\baffair\b/, 'depends on the server'],
  [/\bto suffer\b/, 'name the effect'],
  [/\blooked at any further\b/, 'ignored'],
  [/\bmend(?:s|ed|ing)?\b/, 'fix, repair'],
  [/\bthat is fine\b/, 'acceptable'],
  [/\bat a second try\b/, 'after a retry'],
  [/\bnever comes due\b/, 'never runs'],
  [/\bone question\b|\bquestions at once\b|\bevery question\b/, 'request'],
  [
    /\brows?(?: of answers)?(?: that)? (?:is|are|was|were) left out\b|\brow of an answer was left out\b/,
    'discarded rows',
  ],

  // Wordings of messages and help texts.
  [/\bto catch up\b/, 'backlog'],
  [/\bjobs? (?:is|are) on\b|\bno job is on\b|\ball that are on\b/, 'job enabled'],
  [
    /\b(?:jobs?"?|name\}"?|\}) (?:is|are) off\b|"?\$\{name\}"? is off\b|\b(?:that|it) is off\b(?! by)|\bis on as soon as\b/,
    'job disabled',
  ],
  [/\bthat should be there and (?:is|are) not\b|\bshould be there and is not\b/, 'missing windows'],
  [/\b0 fine\b/, '0 success, 1 failure, 2 usage or configuration error'],
  [/\bwrong use or configuration\b/, 'usage or configuration error'],
  [/\badopts? a changed\b/, 'apply a changed ...'],
  [/\bhas collected before and has no job file\b/, 'has stored data but no job file'],
  [/\banother tokentide\b/, 'the data folder is in use by another process (...)'],
  [/\bplanned polls did not start\b/, 'scheduled polls were missed'],
  [
    /\bolder than the provider remembers\b|\bthey are lost\b/,
    "exceed the provider's retention and cannot be filled",
  ],
  [
    /\bthe clock went back\b|\bread under the wrong time\b/,
    'system clock moved backwards; re-reading affected windows',
  ],
  [/\bis none of the things\b/, 'matches none of the allowed forms'],
  [/\bwhat follows "\$\{" is not\b/, 'invalid variable reference after "${"'],
  [/\bdo(?:es)? not go together\b/, 'cannot be combined'],
  [/\bas something else than\b|\bsomething else than\b/, 'name what was expected and what was found'],
  [/\bdo not write it by other means\b/, 'another program writes to this measurement'],
  [/\bdoes not do what it is asked\b/, 'SQL error'],
  [/\bbroke off\b/, 'connection to ... was lost'],
  [/\bnothing of (?:it|the answer|such an answer) (?:was|is) (?:used|stored)\b/, 'the answer was discarded'],
  [
    /\bare whole, belong together\b|\bthis brand of the cloud\b/,
    'are complete, form one pair, and belong to this cloud',
  ],
  [/\bhas nothing to ask for\b/, 'no partitions found'],
  [/\bto ask for in each\b/, '10 windows x 100 partitions'],
  [/\bdo(?:es)? not know them\b/, 'name the credential that the server rejects'],
  [/\bdoes not say which InfluxDB\b/, 'name the cause: the token, or the server version'],

  // Identifiers in place of words.
  [/\bReadResult of [A-Z]/, 'a response of'],
  [/\bOverflowParts? (?:of|whose)\b/, 'the overflow parts, or the share'],
  [
    /\b(?:lastAnswers answers|allowedValues values|(?:a|no) selfTest measurement|for rateLimiter|429 generation)\b/,
    'words of the language',
  ],
  [/\bcheckpoints (?:a|no) bucket\b/, 'reads a bucket'],

  // Home-made terms.
  [/\bback-fill(?:s|ed|ing)?\b/i, 'backfill'],
  [/\btotals[- ]first\b/, 'bisection'],
  [/\bsettled?\b/, 'final'],
  [/\blost gaps?\b|\bmarked as lost\b|\bgaps (?:that )?(?:are|were) lost\b/, 'expired gap'],
  [/\bdisagreements?\b/, 'mismatch'],
  [/\b(?:is|are|was|were|be) found out\b|\bfinds? out\b|\bfound out from\b/, 'determined, inferred'],
  [/\bgone for longer\b/, 'absent for longer'],
  [/\bkept at hand\b|\bat-hand\b/, 'cached'],
  [/\bway on\b|\bways on\b|\bways out cost\b/, 'options'],
];

/** Names of the past: identifiers, error kinds and file names, wherever they are. */
const NAMES: readonly Rule[] = [
  [/\bquickly\b(?=[(,]| \})/, 'the schema itself, or "fast path"'],
  [/\bAtHand\b|\batHand\b|\bat-hand\b/, 'cache'],
  [/\bunlessStored\b|\bunless-stored\b/, 'filterUnchanged'],
  [/\bopenSink\b/, 'WindowWriter'],
  [/\bSlotBook\b|\bslotBook\b/, 'rate limiter'],
  [/\bHostGate\b/, 'concurrency limiter'],
  [/\b[dD]istrust\w*/, 'invalidate'],
  [/\bCollecting\b(?! [a-z])|\bcollectings\b/, 'JobContext'],
  [/\bSurroundings\b|\bsurroundings\b/, 'ProcessIo, ResolveInput'],
  [/\bStoreWatch\b|\bwatchStore\b|\bstore-watch\b/, 'WriteSummary'],
  [/\bleftOver\b/, 'resumeRange'],
  [/\bwholeBuckets\b/, 'alignToBuckets'],
  [/\bstepsOf\b/, 'splitIntoSteps'],
  [/\bDiffering\b/, 'Diff'],
  [/\bleafRecords\b/, 'bucketRecords'],
  [/\bdoubtful\b|\bunproven\b/, 'inferred, unverified'],
  [/\bsavedCalls\b/, 'verificationBudget'],
  [/\bmoveTeams\b/, 'retag'],
  [/\bObjection\b/, 'precheck'],
  [/\bPatience\b|\bpatience\b/, 'RetryPolicy'],
  [/\bVictoriaFacts\b|\bvictoria-facts\b/, 'capabilities'],
  [/\bAlike\b/, 'group'],
  [/\bmodelled\b(?=\()/, 'memoize'],
  [/\bsmall-tables\b/, 'one file per table'],
  [/\bline-text\b/, 'tag-encoding'],
  [/\brereadAges\b/, 'refreshSchedule'],
  [/\bloseOld\b|\bloseVanished\b/, 'expire'],
  [/\baskedFor\b/, 'selectPartitions'],
  [/\bwithheld\b/, 'backedOff'],
  [/\bEVERYTHING\b/, 'ALL_PARTITIONS'],
  [/\bnamedTags\b/, 'storedTags'],
  [/\btoo_slow\b/, 'window_too_large'],
  [/\bbad_answer\b/, 'invalid_response'],
];

/** Uses that are right: a file, and the words in it. Short on purpose. */
const ALLOWED: readonly (readonly [file: string, text: string])[] = [
  // The upgrade of old ledgers has to name what it replaces.
  ['src/ledger/layout.ts', "WHERE name = 'disagreements'"],
  ['src/ledger/layout.ts', "WHERE kind = 'bad_answer'"],
  ['src/ledger/layout.ts', "WHERE kind = 'too_slow'"],
];

interface Source {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
}

const CODE = ['src', 'bench', 'grafana', 'jobs', 'schema', '.ci'];
const CODE_FILES = /\.(?:[cm]?ts|[cm]?js|tsx|ya?ml|json)$|\/run$/;
const AT_THE_ROOT = ['.env.example', 'docker-compose.yml', 'Dockerfile'];

const documents: readonly Source[] = pages().map(({ path, text }) => ({ path, text }));
const code: readonly Source[] = [
  ...AT_THE_ROOT.map(read),
  ...CODE.flatMap(filesIn)
    .filter((path) => CODE_FILES.test(path))
    .map(read),
];
const tests: readonly Source[] = filesIn('test')
  .filter((path) => path.endsWith('.test.ts') && path !== relative(ROOT, import.meta.filename))
  .map(read)
  .map(({ path, text }) => ({ path, text: titlesIn(text) }));

describe.each([
  ['documentation', documents],
  ['code, comments and messages', code],
  ['test titles', tests],
])('the %s', (_, sources) => {
  it('uses plain technical English', () => {
    const found = sources.flatMap((source) => violations(source, PHRASES));

    expect(found.join('\n')).toBe('');
  });
});

test('the code uses the standard terms as names', () => {
  const found = code.flatMap((source) => [
    ...violations(source, NAMES, 'g'),
    ...NAMES.filter(([name]) => name.test(basename(source.path).replace(/\..*$/, ''))).map(
      ([name, replacement]) => `${source.path}: the file name matches ${name}; use: ${replacement}`,
    ),
  ]);

  expect(found.join('\n')).toBe('');
});

describe('the scan', () => {
  const at = (text: string, path = 'src/example.ts'): string[] => violations({ path, text }, PHRASES);

  it('finds a phrase that a line break divides, in comments and in messages', () => {
    expect(at('one\n * as so\n * many as that')).toEqual([
      expect.stringMatching(/^src\/example\.ts:2: "so many"; use: /),
    ]);
    expect(at("  'refused for ' +\n  'good'")).toHaveLength(1);
  });

  it('ignores longer words and capital letters at the start of a sentence', () => {
    expect(at('So many files. Unsettled, Promise.allSettled.')).toHaveLength(1);
  });

  it('reads the titles of tests and nothing else of them', () => {
    const titles = titlesIn(`
      test('is made anew', () => { expect('apart').toBe(1); });
      it.each([['apart']])('%s stands here', () => {});
      describe('for good', () => {});`);

    expect(titles.trim().split(/\s*\n\s*/)).toEqual(['is made anew', '%s stands here', 'for good']);
  });

  it('needs every exception that it has', () => {
    const texts = new Map([...documents, ...code, ...tests].map(({ path, text }) => [path, text]));

    expect(ALLOWED.filter(([file, text]) => !texts.get(file)?.includes(text))).toEqual([]);
  });
});

/** One line for each use of a phrase, with its place and what to write instead. */
function violations({ path, text }: Source, rules: readonly Rule[], flags = 'gi'): string[] {
  const flat = flatten(text);
  const allowed = ALLOWED.filter(([file]) => file === path).map(([, words]) => words);
  return rules.flatMap(([phrase, replacement]) =>
    [...flat.text.matchAll(new RegExp(phrase, flags))]
      .filter(({ index }) => !allowed.some((words) => isWithin(flat.text, index, words)))
      .map(({ 0: found, index }) => `${path}:${flat.lineAt(index)}: "${found}"; use: ${replacement}`),
  );
}

function isWithin(text: string, index: number, words: string): boolean {
  const start = text.lastIndexOf(words, index);
  return start >= 0 && index < start + words.length;
}

/** A text on one line, without what a comment or a divided string literal has at the line break. */
function flatten(text: string): { readonly text: string; readonly lineAt: (index: number) => number } {
  const starts: number[] = [];
  let flat = '';
  for (const line of text.split('\n')) {
    const words = line.trim().replace(/^(?:\/\*\*?|\*\/?|\/\/|#+|>|['"`](?=\w))\s*/, '');
    starts.push(flat.length);
    flat += `${words.replace(/ ?['"`] \+$/, '')} `;
  }
  return { text: flat, lineAt: (index) => starts.findLastIndex((start) => start <= index) + 1 };
}

/** The titles of a test file, each on the line that it has in the file. */
function titlesIn(text: string): string {
  const title =
    /\b(?:test|it|describe)\b[^'"`\n]*?\(\s*(['"`])((?:\\.|(?!\1).)+)\1|[\])`]\)\(\s*(['"`])((?:\\.|(?!\3).)+)\3/gs;
  const lines: string[] = [];
  for (const { index, 2: first, 4: second } of text.matchAll(title)) {
    const line = text.slice(0, index).split('\n').length - 1;
    lines[line] = `${lines[line] ?? ''} ${first ?? second ?? ''}`;
  }
  return Array.from(lines, (line) => line ?? '').join('\n');
}

function read(path: string): Source {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') };
}

function filesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}
