import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Manifest, manifestsOf, schemaFault, typeFaults } from './kubernetes.js';

const folder = join(import.meta.dirname, '..', 'k8s');
const manifests = manifestsOf(join(folder, 'development'));

interface PodTemplate {
  spec: {
    terminationGracePeriodSeconds: number;
    securityContext: object;
    containers: {
      image: string;
      args: string[];
      securityContext: object;
      resources: object;
      [probe: string]: unknown;
    }[];
  };
}
const workloads = manifests.flatMap(({ kind, metadata, spec }) =>
  kind === 'Deployment' || kind === 'StatefulSet'
    ? [[metadata.name, (spec as { template: PodTemplate }).template.spec] as const]
    : [],
);
const changed = (name: string, change: (manifest: Manifest) => void) => {
  const manifest = structuredClone(manifests.find(({ kind, metadata }) => `${kind} ${metadata.name}` === name)!);
  change(manifest);
  return manifest;
};

describe('the Kubernetes manifests', () => {
  it.each(manifests.map((manifest) => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    'fit the schema of their kind: %s',
    async (_name, manifest) => expect(await schemaFault(manifest)).toBeNull(),
  );

  it('have no field that their kinds lack', () => expect(typeFaults(manifests)).toEqual([]));

  it('would be refused with a misspelt field, or a wrong value', async () => {
    const misspelt = changed('Deployment gateway', ({ spec }) => Object.assign(spec as object, { replica: 2 }));
    expect(typeFaults([misspelt])).toEqual([expect.stringContaining('\'"replica"\' does not exist')]);
    const wrong = changed('Deployment gateway', ({ spec }) => Object.assign(spec as object, { replicas: 'two' }));
    expect(await schemaFault(wrong)).toContain('must be integer');
    const empty = changed('ScaledObject allocator', ({ spec }) => delete (spec as { triggers?: unknown }).triggers);
    expect(await schemaFault(empty)).toContain('triggers');
  });

  it('run every service of the distributed mode', () => {
    expect(workloads.map(([name]) => name).sort()).toEqual(['allocator', 'event-store', 'gateway', 'projector']);
    for (const [name, { containers }] of workloads)
      expect(containers[0]).toMatchObject({ image: 'berth', args: [name] });
  });

  it.each(workloads)('%s has no right it needs not, is probed, bounded, and given time to end', (_name, spec) => {
    const { securityContext, containers, terminationGracePeriodSeconds } = spec;
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(containers[0]).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      resources: { limits: { memory: expect.any(String) } },
      startupProbe: expect.anything(),
      livenessProbe: expect.anything(),
      readinessProbe: expect.anything(),
    });
    // A service may take 10 s to let go of what it has begun.
    expect(terminationGracePeriodSeconds).toBeGreaterThan(10);
  });

  it('let no eviction take all of a service that runs more than once', () => {
    const budgets = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget').map(({ metadata }) => metadata.name);
    expect(budgets.sort()).toEqual(['allocator', 'gateway', 'projector']);
  });

  it('name only secrets that the example has', () => {
    const example = readFileSync(join(folder, 'berth', 'secrets.example.env'), 'utf8');
    const { secretTargetRef } = manifests.find(({ kind }) => kind === 'TriggerAuthentication')!['spec'] as {
      secretTargetRef: { key: string }[];
    };
    for (const { key } of secretTargetRef) expect(example).toMatch(new RegExp(`^${key}=`, 'm'));
  });
});
