/** Whom the policy `custom` may ask, and how it says that it is Berth who asks. */
export interface WebhookSettings {
  /** In lower case, each with its port unless that is https's own. Empty: no webhook may be named. */
  hosts: ReadonlySet<string>;
  /** What calls are signed with, each by itself: two while one is replaced. */
  secrets: readonly Buffer[];
}

/** Bytes of a secret, as Standard Webhooks has them. */
const secretBytes = { min: 24, max: 64 } as const;
const secretPrefix = 'whsec_';

export function readWebhooks(text: (name: string) => string | null, problems: string[]): WebhookSettings {
  const hosts = new Set<string>();
  for (const [index, entry] of entriesOf(text('BERTH_WEBHOOK_HOSTS')).entries()) {
    const host = hostIn(entry);
    if (host !== null) hosts.add(host);
    else problems.push(`BERTH_WEBHOOK_HOSTS: entry ${index + 1} is not host or host:port`);
  }
  const secrets: Buffer[] = [];
  for (const [index, entry] of entriesOf(text('BERTH_WEBHOOK_SECRET')).entries()) {
    const secret = secretIn(entry);
    if (secret) secrets.push(secret);
    else {
      const bytes = `${secretBytes.min} to ${secretBytes.max} bytes`;
      problems.push(`BERTH_WEBHOOK_SECRET: entry ${index + 1} is not ${secretPrefix} and ${bytes} in base64`);
    }
  }
  if (hosts.size > 0 && text('BERTH_WEBHOOK_SECRET') === null) {
    problems.push(
      'BERTH_WEBHOOK_SECRET is required with BERTH_WEBHOOK_HOSTS: make one with `echo whsec_$(openssl rand -base64 32)`',
    );
  }
  return { hosts, secrets };
}

function entriesOf(list: string | null): string[] {
  const entries = (list ?? '').split(',').map((entry) => entry.trim());
  return entries.filter((entry) => entry !== '');
}

function hostIn(entry: string): string | null {
  const url = `https://${entry}`;
  if (!/^[A-Za-z0-9.:[\]-]+$/.test(entry) || !URL.canParse(url)) return null;
  return new URL(url).host;
}

function secretIn(entry: string): Buffer | null {
  const base64 = entry.startsWith(secretPrefix) ? entry.slice(secretPrefix.length) : '';
  const secret = Buffer.from(base64, 'base64');
  const isWhole = secret.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '');
  return isWhole && secret.length >= secretBytes.min && secret.length <= secretBytes.max ? secret : null;
}
