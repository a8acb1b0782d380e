import { describe, expect, it } from '@jest/globals';
import { type Attestation, type GroupAttestation, keyIdsOf, thumbprintsOf } from './attestation.js';

const certificate = (thumbprint: string) => ({ certificate: 'MIIB', thumbprint });
const reference = (thumbprint: string) => ({ name: 'Works', thumbprint });
const sealed = (keyId: string) => ({ keyId, nonce: '', ciphertext: '' });
const tpm: Attestation = { type: 'tpm', endorsementKey: 'AToA', storageRootKey: null };
const gateway: Attestation = { type: 'gateway', sources: ['/gateways/one'] };

describe('the certificates that belong to an attestation', () => {
  it.each<[GroupAttestation, string[]]>([
    [{ type: 'x509', primary: certificate('1'), secondary: certificate('2') }, ['1', '2']],
    [{ type: 'x509', primary: null, secondary: certificate('2') }, ['2']],
    [{ type: 'x509', primary: certificate('1'), secondary: certificate('1') }, ['1']],
    [{ type: 'caReference', primary: reference('1'), secondary: null }, ['1']],
    [{ type: 'caReference', primary: reference('1'), secondary: reference('2') }, ['1', '2']],
    [{ type: 'symmetricKey', primary: sealed('k'), secondary: sealed('k') }, []],
  ])('of %j are %j', (attestation, thumbprints) => {
    expect(thumbprintsOf(attestation)).toEqual(thumbprints);
  });

  it('are none where others vouch', () => {
    expect([tpm, gateway].flatMap(thumbprintsOf)).toEqual([]);
  });
});

describe('the data keys of an attestation', () => {
  it('are those its secrets are sealed with, each once', () => {
    expect(keyIdsOf({ type: 'symmetricKey', primary: sealed('k-1'), secondary: sealed('k-2') })).toEqual([
      'k-1',
      'k-2',
    ]);
    expect(keyIdsOf({ type: 'symmetricKey', primary: sealed('k-1'), secondary: sealed('k-1') })).toEqual(['k-1']);
    const x509: Attestation = { type: 'x509', primary: certificate('1'), secondary: null };
    expect([tpm, gateway, x509].flatMap(keyIdsOf)).toEqual([]);
  });
});
