import { setTimeout as delay } from 'node:timers/promises';
import { type RegistrationEvent } from './device.js';

export type AllocationPolicyKind = 'EVENLY_WEIGHTED' | 'LOWEST_LATENCY' | 'STATIC';

/** The fields of the schema's `HubLinkInput`. */
export interface Hub {
  name: string;
  /** 1–1000, default 1. */
  weight?: number;
  /** Most devices it takes; left out or null is unbounded. */
  capacity?: number | null;
  region?: string;
  connection?: string;
}

/** The fields of the schema's `AllocationPolicySetInput`. */
export interface AllocationPolicy {
  policy: AllocationPolicyKind;
  /** With STATIC: in order of preference. */
  hubs?: readonly string[];
}

/** How a device proves who it is: exactly one of these. */
export type Attestation =
  | { gateway: { sources: readonly string[] } }
  /** Base64 of 16–64 bytes each; one that is left out is generated. */
  | { symmetricKey: { primary?: string; secondary?: string } }
  | { x509: Record<string, unknown> };

/** The fields of the schema's `EnrollmentCreateInput`. */
export interface Enrollment {
  registrationId: string;
  attestation: Attestation;
  deviceId?: string;
  enabled?: boolean;
  hubs?: readonly string[];
  policy?: AllocationPolicyKind;
  reprovision?: { updateHubAssignment?: boolean; migrateDeviceData?: boolean };
  initialTwin?: Record<string, unknown>;
  idempotencyKey?: string;
}

/** Base64; null where the input brought the key. */
export interface GeneratedKeys {
  primary: string | null;
  secondary: string | null;
}

export interface Registration {
  registrationId: string;
  deviceId: string | null;
  status: 'ASSIGNED' | 'FAILED' | 'DISABLED';
  substatus: string | null;
  hub: string | null;
  errorCode: number | null;
  reason: string | null;
}

export interface HubLoad {
  hub: string;
  devices: number;
  share: number;
  targetShare: number;
  /** Null without a capacity. */
  utilization: number | null;
}

/** Berth said no, and nothing was changed; asking again gives the same answer. */
export class BerthRefused extends Error {
  override readonly name = 'BerthRefused';
  readonly userErrors: readonly UserError[];

  constructor(what: string, userErrors: readonly UserError[]) {
    super(`${what} was refused: ${userErrors.map(({ code, message }) => `${code}: ${message}`).join('; ')}`);
    this.userErrors = userErrors;
  }
}

interface UserError {
  code: string;
  message: string;
}

/** The GraphQL documents of this client, each checked against the schema by its spec. */
export const documents = {
  hubLink: 'mutation ($input: HubLinkInput!) { result: hubLink(input: $input) { userErrors { code message } } }',
  allocationPolicySet:
    'mutation ($input: AllocationPolicySetInput!) { result: allocationPolicySet(input: $input) { userErrors { code message } } }',
  enrollmentCreate: `mutation ($input: EnrollmentCreateInput!) { result: enrollmentCreate(input: $input) {
    generatedKeys { primary secondary } userErrors { code message } } }`,
  registration: `query ($registrationId: String!) { registration(registrationId: $registrationId) {
    registrationId deviceId status substatus hub errorCode reason } }`,
  hubLoads: '{ hubLoads { hub devices share targetShare utilization } }',
  deployment: '{ deployment { idScope } }',
} as const;

const publishTriesMax = 20;

/** A Berth as a program outside sees it: GraphQL, and the HTTP intake of registration events. */
export class BerthClient {
  private readonly url: string;
  private readonly apiKey: string;

  /** @param url base address, such as `http://localhost:4000` */
  constructor(url: string, apiKey: string) {
    this.url = url;
    this.apiKey = apiKey;
  }

  /** Any document of the schema; gives its `data`. @throws Error with the messages of `errors`. */
  async graphql<Data>(document: string, variables: Record<string, unknown> = {}): Promise<Data> {
    const response = await this.post('/graphql', 'application/json', { query: document, variables });
    const text = await response.text();
    const { data, errors } = parse(text) as { data?: Data | null; errors?: { message: string }[] };
    if (errors?.length || !data) {
      throw new Error(`GraphQL answered ${response.status}: ${errors?.map((it) => it.message).join('; ') ?? text}`);
    }
    return data;
  }

  /** @throws BerthRefused */
  async linkHub(hub: Hub): Promise<void> {
    await this.mutate(`Linking hub ${hub.name}`, documents.hubLink, hub);
  }

  /** @throws BerthRefused */
  async setAllocationPolicy(policy: AllocationPolicy): Promise<void> {
    await this.mutate('Setting the allocation policy', documents.allocationPolicySet, policy);
  }

  /** Gives the keys that Berth generated, if any: they are not shown again. @throws BerthRefused */
  async enroll(enrollment: Enrollment): Promise<GeneratedKeys | null> {
    const what = `Enrolling ${enrollment.registrationId}`;
    const result = await this.mutate<{ generatedKeys: GeneratedKeys | null }>(
      what,
      documents.enrollmentCreate,
      enrollment,
    );
    return result.generatedKeys;
  }

  /** Resolves once all of them are durable. A busy or restarting log is asked again, for some twenty seconds. */
  async publish(events: readonly RegistrationEvent[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.post('/registrations', 'application/cloudevents-batch+json', events);
      const answer = await response.text();
      if (response.status === 202) return;
      if (response.status !== 503 || attempt >= publishTriesMax) {
        throw new Error(`POST /registrations answered ${response.status}: ${answer}`);
      }
      await delay(Number(response.headers.get('retry-after') ?? 1) * 1000);
    }
  }

  /** As the read model shows it, which trails the decision by milliseconds; null while nothing was decided. */
  async registration(registrationId: string): Promise<Registration | null> {
    const data = await this.graphql<{ registration: Registration | null }>(documents.registration, { registrationId });
    return data.registration;
  }

  /** Of the linked hubs, by name. */
  async hubLoads(): Promise<HubLoad[]> {
    return (await this.graphql<{ hubLoads: HubLoad[] }>(documents.hubLoads)).hubLoads;
  }

  /** What devices' tokens name. */
  async idScope(): Promise<string> {
    return (await this.graphql<{ deployment: { idScope: string } }>(documents.deployment)).deployment.idScope;
  }

  private async mutate<Payload>(what: string, document: string, input: object): Promise<Payload> {
    const { result } = await this.graphql<{ result: Payload & { userErrors: UserError[] } }>(document, { input });
    if (result.userErrors.length > 0) throw new BerthRefused(what, result.userErrors);
    return result;
  }

  private post(path: string, contentType: string, body: unknown): Promise<Response> {
    const headers = { 'content-type': contentType, authorization: `Bearer ${this.apiKey}` };
    return fetch(`${this.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
