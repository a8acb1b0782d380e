/** The topics outside programs rely on. Their partition count is fixed for life: a device's ledger hangs on it. */
export const topics = {
  registrations: 'berth.registrations',
  assignments: 'berth.assignments',
  rejected: 'berth.registrations.rejected',
} as const;

/** Kafka's rule for topic names, so that a name good in one adapter is good in the other. */
const topicName = /^[A-Za-z0-9._-]{1,249}$/;

export function isTopicName(name: string): boolean {
  return topicName.test(name) && name !== '.' && name !== '..';
}

/**
 * Most bytes a record (key, headers and value) may take. Kafka's default for a batch is 1,048,588, and its own framing needs
 * room. The rejected topic takes twice that, because what goes there is any record of another topic plus the reason.
 */
export function recordBytesMax(topic: string): number {
  return topic === topics.rejected ? 2_000_000 : 1_000_000;
}
