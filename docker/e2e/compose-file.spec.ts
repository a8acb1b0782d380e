import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from './compose-file.js';

const docker = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'berth-compose-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, `${crypto.randomUUID()}.yaml`);
  writeFileSync(path, text);
  return path;
}

describe('reading compose files', () => {
  it('puts variables in, or their defaults', () => {
    const path = file("services: { a: { image: '${IMAGE:-one}:${TAG:-1}' } }");
    expect(composeServices([path], { TAG: '2' }, []).get('a')?.image).toBe('one:2');
  });

  it('lets a later file override, and add to environment and volumes', () => {
    const base = file("services: { a: { image: one, environment: { A: '1' }, volumes: ['x:/x'] } }");
    const over = file("services: { a: { image: two, environment: { B: '2' }, volumes: ['y:/y'] } }");
    expect(composeServices([base, over], {}, []).get('a')).toEqual({
      image: 'two',
      environment: { A: '1', B: '2' },
      volumes: ['x:/x', 'y:/y'],
    });
  });

  it('gives each after what it depends on, and only those of the profiles asked for', () => {
    const services = 'b: { image: x, depends_on: { a: {} } }, a: { image: x }, c: { image: x, profiles: [more] }';
    const path = file(`services: { ${services} }`);
    expect([...composeServices([path], {}, []).keys()]).toEqual(['a', 'b']);
    expect([...composeServices([path], {}, ['more']).keys()]).toEqual(['a', 'b', 'c']);
  });

  it.each(['services: { a: { image: x, privileged: true } }', "services: { a: { image: '${X:?}' } }"])(
    'passes over nothing: %s',
    (text) => expect(() => composeServices([file(text)], {}, [])).toThrow('not known here'),
  );
});

describe("Berth's compose file", () => {
  const services = composeServices([join(docker, 'compose.yaml')], {}, ['two-allocators']);

  it('publishes on loopback only', () => {
    const ports = [...services.values()].flatMap(({ ports: published }) => published ?? []);
    expect(ports).not.toEqual([]);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('bounds what every service may take, and starts none before what it needs is healthy', () => {
    for (const service of services.values()) {
      expect(service).toMatchObject({ mem_limit: expect.any(String), cpus: expect.any(Number) });
      for (const { condition } of Object.values(service.depends_on ?? {})) expect(condition).toBe('service_healthy');
    }
  });

  it("gives Berth's services no right they don't need", () => {
    const berths = [...services.values()].filter(({ image }) => image.startsWith('berth:'));
    expect(berths).toHaveLength(4);
    for (const service of berths) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    }
  });
});
