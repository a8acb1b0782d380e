import type { LogRecord } from '../registration-log.js';

/**
 * An event that came over HTTP as the message it would be on Kafka, without its key: `ce-` headers become `ce_` ones, their
 * percent-encoding undone as the CloudEvents HTTP binding asks. Other headers, but for the content type, stay behind.
 */
export function fromHttp(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  body: Buffer,
): Pick<LogRecord, 'value' | 'headers'> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue;
    const lower = name.toLowerCase();
    if (lower === 'content-type') kept['content-type'] = value;
    else if (lower.startsWith('ce-')) kept[`ce_${lower.slice(3)}`] = decoded(value);
  }
  return { value: body, headers: kept };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
