import { expect, it } from 'vitest';
import { sign } from '../../../src/providers/ucloud-dialect/sign.ts';

const PUBLIC_KEY = 'ucloudsomeone@example.com1296235120854146120';
const PRIVATE_KEY = '46f09bb9fab4f12dfc160dae12273d5332b5debe';
const LIST = { Action: 'DescribeUHostInstance', Region: 'cn-bj2', Limit: '10' };
const BACKENDS = ['foo', 'bar', '42', 'foo', 'bar', '42', 'foo', 'bar', '42', 'foo', 'bar', '42'];

/** https://docs.ucloud.cn/api/summary/signature and the vendor's SDKs; the last is the same algorithm for our action. */
it.each([
  {
    name: 'a list',
    parameters: { ...LIST, PublicKey: PUBLIC_KEY },
    signature: 'cba5cf5ec4d4233d206b1b54951e3787350a642f',
  },
  {
    name: 'another public key',
    parameters: { ...LIST, PublicKey: 'someone@example.com1296235120854146120' },
    signature: '4201919d267504385deb93af19e0197870fed36b',
  },
  {
    name: 'many parameters',
    parameters: {
      Action: 'CreateUHostInstance',
      CPU: '2',
      ChargeType: 'Month',
      DiskSpace: '10',
      ImageId: 'f43736e1-65a5-4bea-ad2e-8a46e18883c2',
      LoginMode: 'Password',
      Memory: '2048',
      Name: 'Host01',
      Password: 'VUNsb3VkLmNu',
      PublicKey: PUBLIC_KEY,
      Quantity: '1',
      Region: 'cn-bj2',
      Zone: 'cn-bj2-04',
    },
    signature: '4f9ef5df2abab2c6fccd1e9515cb7e2df8c6bb65',
  },
  {
    name: 'an array, Backends.10 before Backends.2',
    parameters: {
      Action: 'AllocateBackendBatch',
      PublicKey: PUBLIC_KEY,
      ...Object.fromEntries(BACKENDS.map((backend, i) => [`Backends.${i}`, backend])),
    },
    signature: '6bc32642779f8cb0bb3d3f128b1c0688abf9a1a3',
  },
  {
    name: 'the usage action',
    parameters: {
      Action: 'GetUMInferTokenUsage',
      EndTime: '1735775999',
      KeyId: 'uminferapikey-abc',
      Model: 'deepseek-ai/DeepSeek-V3',
      ProjectId: 'org-xyz',
      PublicKey: PUBLIC_KEY,
      StartTime: '1735689600',
    },
    signature: '30b46f5b3001b065221b3eddc52598ca11a51b68',
  },
])('signs $name', ({ parameters, signature }) => {
  expect(sign(parameters, PRIVATE_KEY)).toBe(signature);
});
