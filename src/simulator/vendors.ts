export const VENDORS = ['trae', 'ucloud', 'sigcal', 'r9s', 'volcengine-ark'] as const;
export type VendorId = (typeof VENDORS)[number];
