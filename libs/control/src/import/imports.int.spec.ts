import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type ImportEvent } from '@berth/domain';
import { streams } from '@berth/event-store';
import { eventually } from '@berth/testing';
import { Readable } from 'node:stream';
import { type EnrollmentWish } from '../enrollment/create-enrollment.js';
import { LinkHub } from '../hub/link-hub.js';
import { ControlUnderTest, origin } from '../under-test/control-under-test.js';
import { importsAtOnceMax, type RowLanguage, type Upload } from './imports.js';

const terms = {
  deviceId: null,
  policy: null,
  hubs: [],
  reprovision: { updateHubAssignment: true, migrateDeviceData: true },
  capabilities: { iotEdge: false },
  validity: { notBefore: null, notAfter: null },
  singleUse: false,
  optionalDeviceInformation: null,
  enabled: true,
  idempotencyKey: null,
  attestation: { type: 'gateway' as const, sources: ['/gateways/a'] },
};
/** A line is `<registrationId> <text of the twin>`. */
const language: RowLanguage = {
  wishOf(text) {
    const [registrationId = '', tag = ''] = String(text).split(' ');
    return { ...terms, registrationId, initialTwin: { tags: { tag } } } satisfies EnrollmentWish;
  },
  faultOf: ({ kind }) => ({ code: kind, field: null, message: '' }),
};
const at = Date.parse('2026-01-01T00:00:00Z');

describe('imports', () => {
  let berth: ControlUnderTest;

  beforeAll(async () => {
    berth = await ControlUnderTest.start(at);
  });
  afterAll(async () => {
    await berth?.stop();
  });

  const upload = (name: string, content: Readable): Upload => ({
    ...{ name, mode: 'create', offset: null, content, language, origin },
  });

  it('hold a page of the file at most, and take no more until its rows are done', async () => {
    let given = 0;
    let most = 0;
    let isDone = false;
    async function* file() {
      for (let index = 0; index < 400; index += 1) {
        const line = Buffer.from(`large-${index} ${'x'.repeat(30_000)}\n`);
        given += line.length;
        yield line;
        const state = await berth.imports.find('large');
        most = Math.max(most, given - (state.status === 'none' ? 0 : state.bytes));
      }
      isDone = true;
    }
    const taken = await berth.imports.take(
      upload('large', Readable.from(file(), { objectMode: true, highWaterMark: 4 })),
    );
    expect(isDone && taken.ok && taken.state).toMatchObject({
      status: 'completed',
      rows: 400,
      created: 400,
      bytes: given,
    });
    expect(given).toBeGreaterThan(12_000_000);
    // A page ends with the line that fills its 4 MiB; the next few lines wait in the stream.
    expect(most).toBeLessThan(4 * 1024 * 1024 + 6 * 31_000);
  }, 60_000);

  it('look a hub up once for all the rows of a page that name it', async () => {
    const hubs = Array.from({ length: 10 }, (_, index) => `hub-${index}`);
    for (const name of hubs) {
      await berth.commands.execute(
        new LinkHub({ name, weight: 1, capacity: null, region: null, connection: null }, origin),
      );
    }
    const naming: RowLanguage = {
      ...language,
      wishOf: (text) => ({ ...terms, registrationId: String(text), hubs, initialTwin: null }),
    };
    const lines = Array.from({ length: 200 }, (_, index) => Buffer.from(`naming-${index}\n`));
    const reads = jest.spyOn(berth.store, 'read');
    try {
      const begun = performance.now();
      const taken = await berth.imports.take({ ...upload('naming', Readable.from(lines)), language: naming });
      console.log(`${((1000 * lines.length) / (performance.now() - begun)).toFixed(0)} rows/s that name 10 hubs each`);
      expect(taken.ok && taken.state).toMatchObject({ status: 'completed', created: 200 });
      const ofHubs = reads.mock.calls.filter(([stream]) => stream.startsWith('hub-')).length;
      const pages = (await berth.eventsOf<ImportEvent>(streams.import('naming'))).filter(
        ({ event }) => event.type === 'ImportAdvanced',
      );
      expect(ofHubs).toBe(hubs.length * pages.length);
    } finally {
      reads.mockRestore();
    }
  });

  it('are taken in a few at a time, and end where they are when Berth is stopped', async () => {
    const waiting = Array.from({ length: importsAtOnceMax }, () => new Readable({ read: () => undefined }));
    const running = waiting.map((content, index) => berth.imports.take(upload(`waiting-${index}`, content)));
    await eventually(
      'all to have begun',
      async () => (await berth.imports.find(`waiting-${importsAtOnceMax - 1}`)).status === 'receiving',
    );
    const more = await berth.imports.take(upload('one-more', Readable.from([])));
    expect(more).toEqual({ ok: false, rejection: { kind: 'tooManyImports', max: importsAtOnceMax } });
    berth.imports.onModuleDestroy();
    for (const taken of await Promise.all(running)) {
      expect(taken).toMatchObject({
        ok: true,
        state: { status: 'interrupted', reason: 'Berth was stopped' },
        fault: null,
      });
    }
    expect(await berth.imports.take(upload('one-more', Readable.from([])))).toMatchObject({ ok: true });
  });
});
