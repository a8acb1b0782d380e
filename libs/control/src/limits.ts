/**
 * How many there may be of what decisions search through, and of what one request may ask (section 1.11 of the reference
 * service's feature list). A token is tried with every group that has keys, so a device without a valid one costs as many MACs.
 */
export abstract class Limits {
  abstract readonly groupsWithKeysMax: number;
  abstract readonly groupsWithCertificatesMax: number;
  abstract readonly caCertificatesMax: number;
  /** Rows of one bulk mutation. */
  abstract readonly bulkRowsMax: number;
}
