/** Exit codes. */
export const EXIT = { success: 0, failed: 1, usageError: 2 } as const;
