import { type EnrollmentWish, type ImportedRejection, lineBytesMax, type RowFault } from '@berth/control';
import { type CustomAllocation, maskedUrl } from '@berth/domain';
import { type EnrollmentRow } from '@berth/read-model';
import { coerceInputValue, type GraphQLInputType, type GraphQLSchema } from 'graphql';
import { enrollmentWishOf } from '../enrollment/enrollment.commands.js';
import { EnrollmentCreateInput } from '../enrollment/enrollment.inputs.js';
import { FallbackPolicyKind } from '../policy/custom-allocation.js';
import { AllocationPolicyKind } from '../policy/policy.types.js';
import { enrollmentError } from '../rejections.js';
import { type UserError } from '../user-error.js';

type Unread = { fault: RowFault; registrationId: string | null };

/** Reads lines of an import: JSON objects of the shape of `EnrollmentCreateInput`, checked by the schema itself. */
export function rowReader(schema: GraphQLSchema): (text: Buffer | null) => EnrollmentWish | Unread {
  const type = schema.getType(EnrollmentCreateInput.name) as GraphQLInputType;
  return (text) => {
    if (!text) return unread('ROW_TOO_LARGE', `The row has more than ${lineBytesMax} bytes.`);
    const row = jsonOf(text);
    if (row === undefined) return unread('INVALID_ROW', 'The row is no JSON object in UTF-8.');
    const registrationId = registrationIdOf(row);
    let fault: RowFault | undefined;
    const input = coerceInputValue(row, type, (path, _value, { message }) => {
      fault ??= { code: 'INVALID_ROW', field: path.map(String), message: withoutValue(message) };
    });
    if (fault) return { fault, registrationId };
    const wish = enrollmentWishOf(input as EnrollmentCreateInput);
    if (!('code' in wish) && wish.custom?.webhookUrl.endsWith(maskedQuery)) return { fault: masked, registrationId };
    return 'code' in wish ? { fault: faultOf(wish), registrationId } : wish;
  };
}

export function rowFaultOf(rejection: ImportedRejection): RowFault {
  return faultOf(enrollmentError(rejection));
}

const policyNames = namesOf(AllocationPolicyKind);
const fallbackNames = namesOf(FallbackPolicyKind);
const maskedQuery = maskedUrl('?');
const masked: RowFault = {
  code: 'INVALID_ROW',
  field: ['custom', 'webhookUrl'],
  message: 'The query of the URL is masked: write it whole.',
};

/**
 * An enrollment as a row that an import takes, without secrets: symmetric keys are left out, and the query of a webhook's URL
 * is masked, so that the row is refused until somebody has written it.
 */
export function rowOf(enrollment: EnrollmentRow): object {
  const { registrationId, deviceId, attestation, policy, custom, hubs, require, reprovision, initialTwin } = enrollment;
  const { capabilities, validity, singleUse, optionalDeviceInformation, enabled } = enrollment;
  return {
    registrationId,
    ...(deviceId !== null && { deviceId }),
    attestation: attestationOf(attestation),
    ...(policy !== null && { policy: policyNames.get(policy) }),
    ...(custom && { custom: customOf(custom) }),
    ...(hubs.length > 0 && { hubs }),
    ...(require && require.length > 0 && { require }),
    reprovision,
    ...(initialTwin !== null && { initialTwin }),
    capabilities,
    ...((validity.notBefore !== null || validity.notAfter !== null) && { validity }),
    ...(singleUse && { singleUse }),
    ...(optionalDeviceInformation !== null && { optionalDeviceInformation }),
    enabled,
  };
}

function attestationOf(attestation: EnrollmentRow['attestation']): object {
  switch (attestation.type) {
    case 'symmetricKey':
      return { symmetricKey: {} };
    case 'x509': {
      const { primary, secondary } = attestation;
      return { x509: { primary: primary?.certificate ?? null, secondary: secondary?.certificate ?? null } };
    }
    case 'tpm': {
      const { endorsementKey, storageRootKey } = attestation;
      return { tpm: { endorsementKey, storageRootKey } };
    }
    case 'gateway':
      return { gateway: { sources: attestation.sources } };
  }
}

function customOf({ webhookUrl, fallback, ...custom }: CustomAllocation): object {
  const fallbackName = fallback === null ? null : fallbackNames.get(fallback);
  return { webhookUrl: maskedUrl(webhookUrl), ...custom, fallback: fallbackName };
}

function namesOf<Kind extends string>(names: Readonly<Record<string, Kind>>): ReadonlyMap<Kind, string> {
  return new Map(Object.entries(names).map(([name, kind]) => [kind, name]));
}

/** Passes over a byte order mark, as TextDecoder does: programs that write one mean the beginning of the file by it. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

function jsonOf(text: Buffer): object | undefined {
  try {
    const row: unknown = JSON.parse(utf8.decode(text));
    return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : undefined;
  } catch {
    return undefined;
  }
}

function registrationIdOf(row: object): string | null {
  return 'registrationId' in row && typeof row.registrationId === 'string' ? row.registrationId : null;
}

/** What was sent may be a key: scalars' own messages quote it behind a colon, and nothing of it may be kept. */
function withoutValue(message: string): string {
  return message.replace(/:.*$/s, '.');
}

/** Paths of a single mutation's input lead into the row. */
function faultOf({ code, field, message }: UserError): RowFault {
  return { code, field: field && field.slice(1), message };
}

function unread(code: string, message: string): Unread {
  return { fault: { code, field: null, message }, registrationId: null };
}
