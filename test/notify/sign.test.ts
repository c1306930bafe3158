import { expect, test } from 'vitest';
import { signDingTalk, signFeishu, signWebhook } from '../../src/notify/sign.ts';

test('a DingTalk signature is that of openssl', () => {
  // printf '1767225600000\nSECdemo' | openssl dgst -sha256 -hmac SECdemo -binary | base64
  expect(signDingTalk(1_767_225_600_000, 'SECdemo')).toBe('obv1jKXupdCsRrmQyT6z59MdIICFujSKQJly1hcEYiE=');
});

test('a Feishu signature is that of openssl: the text is the key, and nothing is signed', () => {
  // openssl dgst -sha256 -mac HMAC -macopt hexkey:$(printf '1767225600\ndemo' | xxd -p) -binary /dev/null | base64
  expect(signFeishu(1_767_225_600, 'demo')).toBe('OeJmDC3C7FsudJ7/9z2vZtAnXCvb3MhsqwPgUZXABqw=');
});

test('a webhook signature is that of openssl and covers the time', () => {
  // printf '1767225600.{"a":1}' | openssl dgst -sha256 -hmac key
  const signature = '80f7b75f8618b9b24d72673996a625f1a43f7387a26b6739d667431724fe4d23';

  expect(signWebhook(1_767_225_600, '{"a":1}', 'key')).toBe(signature);
  expect(signWebhook(1_767_225_601, '{"a":1}', 'key')).not.toBe(signature);
});
