/** In seconds. A calendar day has 23 or 25 hours where the clock changes: see `calendar.ts`. */
export const MINUTE = 60;
export const HOUR = 3600;
export const DAY = 86_400;
