import { type EnrollmentData } from '../enrollment/enrollment.js';
import { Interned } from '../packed/interned.js';
import { PackedRecords } from '../packed/packed-records.js';
import { LocalNumbers, type TablePart } from '../packed/table-part.js';

/** An enrollment as decisions see it. */
export interface EnrolledDevice {
  /** As the operator spelled it. */
  registrationId: string;
  /** What the hub shall know the device by; null is the registration id. */
  deviceId: string | null;
  attestation: OpenAttestation;
  terms: EnrollmentTerms;
}

/** What many enrollments have alike. In a table equal terms are one object. */
export type EnrollmentTerms = Readonly<
  Pick<EnrollmentData, 'policy' | 'custom' | 'hubs' | 'require' | 'reprovision' | 'validity' | 'singleUse' | 'enabled'>
>;

/** How a device proves who it is, secrets opened. */
export type OpenAttestation =
  | OpenKeys
  /** SHA-256 of the certificates' DER, good until the next event; null for a slot that is empty. */
  | { type: 'x509'; primary: Uint8Array | null; secondary: Uint8Array | null }
  | { type: 'tpm' }
  | { type: 'gateway'; sources: readonly string[] };

export interface OpenKeys {
  type: 'symmetricKey';
  /** 16 to 64 bytes each; null when the data key was destroyed or is another deployment's. Good until the next event. */
  primary: Uint8Array | null;
  secondary: Uint8Array | null;
}

/** What a record holds behind its key's length, little end first. Behind the key: spelling, device id, primary, secondary. */
const field = { common: 4, spelled: 8, deviceId: 9, primary: 10, secondary: 11, end: 12 } as const;

/** What a record shares with others. */
export interface CommonTerms {
  attestation: PackedAttestation | Exclude<OpenAttestation, { primary: unknown }>;
  terms: EnrollmentTerms;
}

/** Its keys or thumbprints are the record's own. */
interface PackedAttestation {
  type: 'symmetricKey' | 'x509';
}

function isPacked(attestation: CommonTerms['attestation']): attestation is PackedAttestation {
  return attestation.type === 'symmetricKey' || attestation.type === 'x509';
}

/**
 * Individual enrollments by registration key, packed: some 60 bytes an enrollment and what its keys take. The keys lie here in
 * the open, for opening them at each registration would cost more than all the rest of a decision. They are in no object that
 * could be printed, leave this memory only sealed, and are overwritten when their enrollment goes.
 */
export class EnrollmentTable {
  private readonly records: PackedRecords;
  private readonly commons = new Interned<CommonTerms>();

  /** @param hashKey two numbers of 32 bits that nobody outside knows. */
  constructor(hashKey: readonly [number, number] = [0, 0]) {
    this.records = new PackedRecords(field.end, hashKey);
  }

  get size(): number {
    return this.records.size;
  }

  get(key: string): EnrolledDevice | undefined {
    const address = this.records.find(key);
    if (address === 0) return undefined;
    const { bytes, view } = this.records.chunkOf(address);
    const start = this.records.offsetOf(address);
    const { attestation, terms } = this.commons.at(view.getUint32(start + field.common, true));
    let at = start + field.end + key.length;
    const take = (length: number) => bytes.subarray(at, (at += length));
    const spelled = view.getUint8(start + field.spelled);
    const registrationId = spelled === 0 ? key : take(spelled).toString('latin1');
    const named = view.getUint8(start + field.deviceId);
    const deviceId = named === 0 ? null : take(named).toString('latin1');
    if (!isPacked(attestation)) return { registrationId, deviceId, attestation, terms };
    const first = view.getUint8(start + field.primary);
    const primary = first === 0 ? null : take(first);
    const second = view.getUint8(start + field.secondary);
    const secondary = second === 0 ? null : take(second);
    return { registrationId, deviceId, attestation: { type: attestation.type, primary, secondary }, terms };
  }

  set(key: string, { registrationId, deviceId, attestation, terms }: EnrolledDevice): void {
    const hasOwn = 'primary' in attestation;
    // Taken before the former record goes, for it may lie there.
    const primary = Buffer.from((hasOwn && attestation.primary) || []);
    const secondary = Buffer.from((hasOwn && attestation.secondary) || []);
    const common = this.commons.enter({ attestation: hasOwn ? { type: attestation.type } : attestation, terms });
    this.delete(key);
    const spelled = registrationId === key ? '' : registrationId;
    const named = deviceId ?? '';
    const address = this.records.add(key, spelled.length + named.length + primary.length + secondary.length);
    const { bytes, view } = this.records.chunkOf(address);
    const start = this.records.offsetOf(address);
    view.setUint32(start + field.common, common, true);
    view.setUint8(start + field.spelled, spelled.length);
    view.setUint8(start + field.deviceId, named.length);
    view.setUint8(start + field.primary, primary.length);
    view.setUint8(start + field.secondary, secondary.length);
    let at = start + field.end + key.length;
    at += bytes.write(spelled, at, 'latin1');
    at += bytes.write(named, at, 'latin1');
    at += primary.copy(bytes, at);
    secondary.copy(bytes, at);
    primary.fill(0);
    secondary.fill(0);
  }

  /**
   * The table in parts of about 512 KiB, keys open, made one after another. Between two of them enrollments may come, change and
   * go. What `restore` makes of them is right once the events since the first one have been folded into it again.
   */
  *parts(): Iterable<TablePart<CommonTerms>> {
    for (const block of this.records.blocks()) {
      const numbers = new LocalNumbers();
      for (const { start } of this.records.recordsIn(block)) {
        block.writeUInt32LE(numbers.of(block.readUInt32LE(start + field.common)), start + field.common);
      }
      yield { shared: numbers.list.map((number) => this.commons.at(number)), records: block };
    }
  }

  restore({ shared, records: block }: TablePart<CommonTerms>): void {
    const numbers = shared.map((common) => this.commons.enter(common));
    for (const { key, start, end } of this.records.recordsIn(block)) {
      const common = numbers[block.readUInt32LE(start + field.common)] as number;
      this.delete(key);
      this.commons.hold(common);
      block.writeUInt32LE(common, start + field.common);
      this.records.insert(key, block, start, end);
    }
    for (const number of numbers) this.commons.leave(number);
  }

  delete(key: string): boolean {
    const address = this.records.find(key);
    if (address === 0) return false;
    this.commons.leave(
      this.records.chunkOf(address).view.getUint32(this.records.offsetOf(address) + field.common, true),
    );
    return this.records.remove(key);
  }
}
