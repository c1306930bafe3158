/** Exit codes. */
export const EXIT = { fine: 0, failed: 1, wrongUse: 2 } as const;
