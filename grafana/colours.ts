import { PROVIDERS } from '../src/providers/index.ts';
import type { Json } from './dashboard.ts';
import { text } from './text.ts';

/**
 * Colours that people with any kind of colour blindness can distinguish: the palette of Okabe and Ito,
 * https://jfly.uni-koeln.de/color/. Good and bad are blue and orange to vermilion, never green and red.
 */
export const COLOURS = {
  blue: '#0072B2',
  sky: '#56B4E9',
  teal: '#009E73',
  yellow: '#F0E442',
  orange: '#E69F00',
  vermilion: '#D55E00',
  purple: '#CC79A7',
  grey: '#8E8E8E',
} as const;

export const GOOD = COLOURS.blue;
export const WARNING = COLOURS.orange;
export const BAD = COLOURS.vermilion;
export const NEUTRAL = COLOURS.grey;

export const OTHER = text('Other', '其他');

/** Four shades of each hue: how much black (below 0) or white is mixed in. */
const SHADES = [0, 0.4, -0.35, 0.65];
const HUES = [
  COLOURS.blue,
  COLOURS.orange,
  COLOURS.teal,
  COLOURS.vermilion,
  COLOURS.purple,
  '#332288',
  '#B8AE12',
  '#882255',
];

/**
 * Characters of a name, counted from its start and from its end: whether one of the two is odd is one bit of the index
 * of its colour. These positions differ most among names of models and e-mail addresses.
 */
const BITS = [
  [0, 1],
  [1, 2],
  [2, 6],
  [4, 4],
  [6, 0],
] as const;

/**
 * A name has one colour in every chart. Grafana's own palette by name exists from version 10 on only, and is not safe
 * for colour-blind people.
 */
export const NAME_COLOUR: readonly Json[] = SHADES.flatMap((shade) =>
  HUES.map((hue) => mixed(hue, shade)),
).map((colour, index) => {
  const bits = BITS.map(([start, end], bit) => bitOf(start, end, (index >> bit) % 2 === 1));
  return colourOf(`/^${bits.join('')}/i`, colour);
});

/** Matches names where one of two characters is odd, or else none or both. One that is not there is not odd. */
function bitOf(start: number, end: number, isSet: boolean): string {
  const odd = '[13579acegikmoqsuwy]';
  const first = (is: '=' | '!'): string => `(?${is}.{${start}}${odd})`;
  const last = (is: '=' | '!'): string => `(?${is}.*${odd}.{${end}}$)`;
  return isSet
    ? `(?:${first('=')}${last('!')}|${first('!')}${last('=')})`
    : `(?:${first('=')}${last('=')}|${first('!')}${last('!')})`;
}

function mixed(colour: string, shade: number): string {
  const target = shade < 0 ? 0 : 255;
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const moved = parts.map((part) => Math.round(part + (target - part) * Math.abs(shade)));
  return `#${moved.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}

const PROVIDER_PALETTE = [
  COLOURS.blue,
  COLOURS.orange,
  COLOURS.teal,
  COLOURS.purple,
  COLOURS.vermilion,
  COLOURS.sky,
  COLOURS.yellow,
];

export const PROVIDER_COLOURS: readonly Json[] = PROVIDERS.map(({ id }, index) =>
  colourOf(`/^${id}$/`, PROVIDER_PALETTE[index % PROVIDER_PALETTE.length]!),
);

/** The rest of a chart with its largest series by name. It has no tag that a link could name. */
export const OTHER_COLOUR: Json = {
  matcher: { id: 'byName', options: OTHER },
  properties: [
    { id: 'color', value: { mode: 'fixed', fixedColor: NEUTRAL } },
    { id: 'links', value: [] },
  ],
};

function colourOf(pattern: string, colour: string): Json {
  return {
    matcher: { id: 'byRegexp', options: pattern },
    properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: colour } }],
  };
}
