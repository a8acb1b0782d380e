import { type SymmetricKeys } from '../attestation/attestation.js';
import { type Configuration } from './configuration.js';
import { type OpenKeys } from './enrollment-table.js';

/** The keys opened with their data key, which is forgotten thereafter. */
export function openKeys(
  { primary, secondary }: SymmetricKeys,
  { dataKeys, openSecret }: Pick<Configuration, 'dataKeys' | 'openSecret'>,
): OpenKeys {
  const [first = null, second = null] = [primary, secondary].map((sealed) => {
    const dataKey = dataKeys.get(sealed.keyId);
    return dataKey ? openSecret(sealed, dataKey) : null;
  });
  dataKeys.delete(primary.keyId);
  dataKeys.delete(secondary.keyId);
  return { type: 'symmetricKey', primary: first, secondary: second };
}
