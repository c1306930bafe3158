import type { Window } from './window.ts';

/** Overlapping and touching windows become one; sorted by start. */
export function union(windows: readonly Window[]): Window[] {
  const merged: Window[] = [];
  for (const window of windows.filter((w) => w.start < w.end).toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && window.start <= last.end) {
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, window.end) };
    } else {
      merged.push({ start: window.start, end: window.end });
    }
  }
  return merged;
}

/** The parts of `windows` that no window of `holes` covers; sorted, touching parts merged. */
export function subtract(windows: readonly Window[], holes: readonly Window[]): Window[] {
  let left = union(windows);
  for (const hole of holes) {
    if (hole.start >= hole.end) continue;
    left = left.flatMap((window) =>
      hole.end <= window.start || hole.start >= window.end
        ? [window]
        : [
            { start: window.start, end: Math.min(window.end, hole.start) },
            { start: Math.max(window.start, hole.end), end: window.end },
          ].filter((part) => part.start < part.end),
    );
  }
  return left;
}

/** The parts that two sets of windows have in common. */
export function intersect(windows: readonly Window[], others: readonly Window[]): Window[] {
  return subtract(windows, subtract(windows, others));
}

export function overlaps(a: Window, b: Window): boolean {
  return a.start < b.end && b.start < a.end;
}
