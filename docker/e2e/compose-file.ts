import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** Of the compose specification, what Berth's files use. */
export interface ComposeService {
  image: string;
  command?: string;
  entrypoint?: string[];
  env_file?: string;
  environment?: Record<string, string>;
  /** `source:target` or `source:target:ro`; a source that begins with a dot is a file, else a named volume. */
  volumes?: string[];
  /** `address:port:port` */
  ports?: string[];
  healthcheck?: { test: string[]; interval: string; timeout: string; retries: number };
  depends_on?: Record<string, { condition: string }>;
  profiles?: string[];
  read_only?: boolean;
  init?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  cpus?: number;
  pids_limit?: number;
  restart?: string;
  stop_grace_period?: string;
}

const known: readonly string[] = [
  ...['image', 'command', 'entrypoint', 'env_file', 'environment', 'volumes', 'ports', 'healthcheck', 'depends_on'],
  ...['profiles', 'read_only', 'init', 'cap_drop', 'security_opt', 'mem_limit', 'cpus', 'pids_limit', 'restart'],
  'stop_grace_period',
];

/**
 * The services of compose files as `docker compose` would see them, in an order in which each comes after those it depends on.
 * Later files override earlier ones.
 * @throws Error for what this reader doesn't know: nothing in a file is passed over.
 */
export function composeServices(
  files: readonly string[],
  variables: Readonly<Record<string, string>>,
  profiles: readonly string[],
): Map<string, ComposeService> {
  const merged: Record<string, ComposeService> = {};
  for (const file of files) {
    const { services } = parse(readFileSync(file, 'utf8'), { merge: true }) as { services: Record<string, object> };
    const read = interpolated(services, variables) as Record<string, ComposeService>;
    for (const [name, service] of Object.entries(read)) merged[name] = overridden(merged[name], service);
  }
  for (const [name, service] of Object.entries(merged)) {
    for (const key of Object.keys(service))
      if (!known.includes(key)) throw new Error(`${name}: ${key} is not known here`);
  }
  const wanted = Object.entries(merged).filter(
    ([, service]) => !service.profiles || service.profiles.some((it) => profiles.includes(it)),
  );
  return inOrder(new Map(wanted));
}

/** `${NAME:-default}`, the only form in use. */
function interpolated(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) return value.map((it) => interpolated(it, variables));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, interpolated(it, variables)]));
  if (typeof value !== 'string') return value;
  return value.replaceAll(/\$\{?(?:(\w+):-([^}]*)\})?/g, (form, name: string | undefined, byDefault: string) => {
    if (name === undefined) throw new Error(`This form of a variable is not known here: ${form} in ${value}`);
    return variables[name] || byDefault;
  });
}

function overridden(base: ComposeService | undefined, over: ComposeService): ComposeService {
  return {
    ...base,
    ...over,
    environment: { ...base?.environment, ...over.environment },
    volumes: [...(base?.volumes ?? []), ...(over.volumes ?? [])],
  };
}

function inOrder(services: Map<string, ComposeService>): Map<string, ComposeService> {
  const ordered = new Map<string, ComposeService>();
  const add = (name: string, on: readonly string[]) => {
    const service = services.get(name);
    if (!service || on.includes(name)) throw new Error(`${on.at(-1)} depends on ${name}, which can't be`);
    for (const dependency of Object.keys(service.depends_on ?? {})) add(dependency, [...on, name]);
    ordered.set(name, service);
  };
  for (const name of services.keys()) add(name, []);
  return ordered;
}
