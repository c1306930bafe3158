import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import {
  sign,
  type Scope,
  type Signable,
  type SigningKey,
} from '../../../src/providers/volcengine-ark/sign.ts';

interface Vector extends Signable, SigningKey, Scope {
  readonly authorization: string;
}

const { vectors } = JSON.parse(readFileSync(new URL('vendor-signatures.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
};

describe('sign', () => {
  it('signs a request without content, its content type included', () => {
    const headers = sign(
      {
        method: 'POST',
        url: 'https://open.volcengineapi.com/?Action=GetCodingPlanUsage&Version=2024-01-01',
        body: '',
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      },
      { accessKeyId: 'AKLTTEST', secretAccessKey: 'secret' },
      { region: 'cn-beijing', service: 'ark', time: Date.UTC(2026, 5, 17) },
    );

    expect(headers['authorization']).toBe(
      'HMAC-SHA256 Credential=AKLTTEST/20260617/cn-beijing/ark/request, SignedHeaders=content-type;host;x-content-sha256;x-date, Signature=220f360943ab513c639db31ee72aeee7fa8b915812cde28ce104d6496b0bd24d',
    );
  });

  it('signs a GetUsage request', () => {
    const headers = sign(
      {
        method: 'POST',
        url: 'https://open.volcengineapi.com/?Action=GetUsage&Version=2024-01-01',
        body: '{"Interval":86400,"StartTime":1731945600,"EndTime":1732031999,"ProjectName":"default"}',
      },
      { accessKeyId: 'AKLTEXAMPLE', secretAccessKey: 'c2VjcmV0LWV4YW1wbGU=' },
      { region: 'cn-beijing', service: 'ark', time: Date.UTC(2024, 10, 19, 10, 45, 37) },
    );

    expect(headers).toEqual({
      'x-date': '20241119T104537Z',
      'x-content-sha256': 'f442844e73a979195a72078614309725e654768b0ecc8bc861804871b509eefc',
      authorization:
        'HMAC-SHA256 Credential=AKLTEXAMPLE/20241119/cn-beijing/ark/request, SignedHeaders=host;x-content-sha256;x-date, Signature=b6dd3e294edf9cb2090a7b21c987fd5d0c46d5e63e01570c98c0d384bbf9a236',
    });
  });

  test.each(vectors.map((vector, i) => ({ i, vector })))(
    "agrees with the vendor's own signer, vector $i",
    ({ vector }) => {
      const headers = sign(vector, vector, vector);

      expect(headers['authorization']).toBe(vector.authorization);
    },
  );
});
