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

/** One hue for each family of models, lighter for its small ones, darker for its large ones. */
const FAMILIES: readonly (readonly [pattern: string, small: string, usual: string, large: string])[] = [
  ['doubao|seed', '#8CC5E8', COLOURS.blue, '#004A75'],
  ['deepseek', '#F5C76E', COLOURS.orange, '#A87300'],
  ['qwen|qwq', '#7FD1B6', COLOURS.teal, '#00664A'],
  ['glm|chatglm', '#F7F08F', COLOURS.yellow, '#B8AE12'],
  ['kimi|moonshot', '#E5B8D0', COLOURS.purple, '#96456F'],
  ['gpt|^o[1-9]', '#C9C9C9', '#8E8E8E', '#5A5A5A'],
  ['claude', '#EFA06B', COLOURS.vermilion, '#8F3F00'],
  ['gemini', '#B3DDF5', COLOURS.sky, '#2A86BD'],
  ['minimax|abab', '#C3B5E8', '#8A74D1', '#54409B'],
];
const SMALL = 'mini|lite|flash|air|haiku|nano|small|turbo';
const LARGE = 'pro|max|plus|opus|thinking|reasoner|-r1|coder|code';

/** A model has one colour in every chart: the later override wins. */
export const MODEL_COLOURS: readonly Json[] = FAMILIES.flatMap(([family, small, usual, large]) => [
  colourOf(`/${family}/i`, usual),
  colourOf(`/(${family}).*(${LARGE})/i`, large),
  colourOf(`/(${family}).*(${SMALL})/i`, small),
]);

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

/** The rest of a chart with its largest series by name. */
export const OTHER_COLOUR: Json = {
  matcher: { id: 'byName', options: OTHER },
  properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: NEUTRAL } }],
};

function colourOf(pattern: string, colour: string): Json {
  return {
    matcher: { id: 'byRegexp', options: pattern },
    properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: colour } }],
  };
}
