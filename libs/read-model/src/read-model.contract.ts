import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type CaCertificateEvent,
  type EnrollmentData,
  type EnrollmentEvent,
  type EnrollmentGroupEvent,
  type ImportEvent,
} from '@berth/domain';
import { enrollmentData, enrollmentGroupData } from '@berth/testing';
import { countedMax, pageSize } from './pages.js';
import { assigned, confirmed, disabled, History, reassigned, refused, unproven } from './under-test/histories.js';
import { type Opened, opened as openedAt } from './under-test/opened.js';
import { type Storage } from './under-test/storage.js';

/** What any database behind the read model's port must answer. */
export function describeReadModelContract(name: string, create: () => Promise<Storage>): void {
  describe(`ReadModel contract: ${name}`, () => {
    let storage: Storage;
    let opened: Opened;
    let history: History;

    beforeEach(async () => {
      storage = await create();
      opened = await openedAt(storage.place);
      history = new History();
    });

    afterEach(async () => {
      await opened.close();
      await storage.remove();
    });

    const project = () => opened.projecting.apply(history.events, history.position);
    const minute = (number: number) => `2026-01-01T00:0${number}:00.000Z`;

    async function registration(registrationId: string) {
      await project();
      const row = await opened.readModel.registration(registrationId);
      if (!row) throw new Error(`${registrationId} has no registration`);
      return row;
    }

    describe('a registration', () => {
      it('is a device with its hub and the decision that put it there, found in any spelling', async () => {
        history.decide([assigned('Press-01', 'hub-a')]);
        const snapshot = { load: 0, weight: 1, capacity: null };
        expect(await registration('pRESS-01')).toEqual({
          registrationId: 'Press-01',
          status: 'assigned',
          substatus: 'initialAssignment',
          deviceId: 'Press-01',
          hub: 'hub-a',
          enrollment: 'Press-01',
          enrollmentGroup: null,
          errorCode: null,
          reason: null,
          createdAt: minute(0),
          updatedAt: minute(0),
          decision: {
            policy: 'evenlyWeighted',
            policySource: 'default',
            chosen: 'hub-a',
            reason: null,
            position: '100',
            at: minute(0),
            candidates: [
              { hub: 'hub-a', verdict: 'chosen', reason: null, score: '1/2', snapshot },
              { hub: 'hub-b', verdict: 'eligible', reason: null, score: '1/2', snapshot },
              { hub: 'hub-c', verdict: 'eligible', reason: null, score: '1/2', snapshot },
            ],
            configuration: null,
            build: 1,
            webhook: null,
          },
          rejected: null,
        });
        expect(await opened.readModel.registration('press-02')).toBeNull();
      });

      it('follows its device from hub to hub, and says what became of the data', async () => {
        history.decide([assigned('one', 'hub-a')]);
        history.decide([reassigned('one', 'hub-a', 'hub-b', true)], { at: minute(1) });
        expect(await registration('one')).toMatchObject({ hub: 'hub-b', substatus: 'deviceDataMigrated' });
        history.decide([reassigned('one', 'hub-b', 'hub-c', false)], { at: minute(2) });
        expect(await registration('one')).toMatchObject({
          hub: 'hub-c',
          substatus: 'deviceDataReset',
          createdAt: minute(0),
          updatedAt: minute(2),
          decision: { position: '300', at: minute(2) },
        });
      });

      it('keeps its hub when the device is refused, and is whole again when it is confirmed', async () => {
        history.decide([assigned('one', 'hub-a')]);
        history.decide([disabled('one')], { at: minute(1) });
        expect(await registration('one')).toMatchObject({
          status: 'disabled',
          substatus: null,
          hub: 'hub-a',
          deviceId: 'one',
          errorCode: null,
          reason: 'the enrollment is disabled',
          updatedAt: minute(1),
          decision: { chosen: null, reason: 'the enrollment is disabled', candidates: [] },
        });
        history.decide([refused('one')]);
        expect(await registration('one')).toMatchObject({ status: 'failed', hub: 'hub-a', errorCode: 503000 });
        history.decide([confirmed('one', 'hub-a')]);
        expect(await registration('one')).toMatchObject({
          status: 'assigned',
          hub: 'hub-a',
          errorCode: null,
          reason: null,
        });
      });

      it('is not touched by somebody who does not prove to be the device, only told of it', async () => {
        history.decide([assigned('one', 'hub-a')]);
        const before = await registration('one');
        history.decide([unproven('one')], { at: minute(1) });
        expect(await registration('one')).toEqual({
          ...before,
          rejected: { position: '200', at: minute(1), errorCode: 401002, reason: 'the signature does not match' },
        });
        history.decide([disabled('one')]);
        expect(await registration('one')).toMatchObject({ status: 'disabled', rejected: { position: '200' } });
        history.decide([confirmed('one', 'hub-a')]);
        expect(await registration('one')).toMatchObject({ status: 'assigned', rejected: null });
      });

      it('is gone when its device is released, is counted no more, and begins anew', async () => {
        history.link('hub-a');
        history.decide([assigned('One', 'hub-a'), assigned('two', 'hub-a')]);
        history.release('ONE', 'hub-a', { at: minute(1) });
        history.release('ONE', 'hub-a', { at: minute(1), repeats: 0 });
        await project();
        const { readModel } = opened;
        expect(await readModel.registration('one')).toBeNull();
        expect((await readModel.registrations({ first: 10 }, { status: 'assigned', hub: 'hub-a' })).totalCount).toBe(1);
        expect(await readModel.hubLoads()).toMatchObject([{ hub: 'hub-a', devices: 1 }]);
        history.decide([assigned('one', 'hub-a')], { at: minute(2) });
        expect(await registration('one')).toMatchObject({ registrationId: 'one', createdAt: minute(2) });
        expect(await readModel.hubLoads()).toMatchObject([{ hub: 'hub-a', devices: 2 }]);
      });

      it('fails without a hub when nobody proved to be the device', async () => {
        history.decide([unproven('one', null)]);
        expect(await registration('one')).toMatchObject({
          status: 'failed',
          hub: null,
          deviceId: null,
          enrollment: null,
          errorCode: 401002,
          rejected: null,
          decision: { chosen: null, position: '100' },
        });
      });
    });

    describe('pages of registrations', () => {
      const ids = Array.from({ length: 25 }, (_, index) => `device-${String(index).padStart(2, '0')}`);
      const keysOf = ({ rows }: { rows: readonly { registrationId: string }[] }) =>
        rows.map(({ registrationId }) => registrationId);

      beforeEach(async () => {
        // Every fifth fails, the others go to hub-a and hub-b in turn; two later lose their permission.
        history.decide(
          ids.map((id, index) => (index % 5 === 0 ? refused(id) : assigned(id, index % 2 === 0 ? 'hub-a' : 'Hub-B'))),
        );
        history.decide([disabled('device-02'), disabled('device-03')]);
        await project();
      });

      it('run forwards to the end', async () => {
        const { readModel } = opened;
        const first = await readModel.registrations({ first: 10 });
        expect(keysOf(first)).toEqual(ids.slice(0, 10));
        expect(first).toMatchObject({ hasNextPage: true, hasPreviousPage: false, totalCount: 25 });
        const second = await readModel.registrations({ first: 10, after: 'DEVICE-09' });
        expect(keysOf(second)).toEqual(ids.slice(10, 20));
        expect(second).toMatchObject({ hasNextPage: true, hasPreviousPage: true, totalCount: 25 });
        const third = await readModel.registrations({ first: 10, after: 'device-19' });
        expect(keysOf(third)).toEqual(ids.slice(20));
        expect(third).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
        expect(await readModel.registrations({ first: 10, after: 'device-24' })).toMatchObject({
          rows: [],
          hasNextPage: false,
          hasPreviousPage: true,
          totalCount: 25,
        });
      });

      it('run backwards to the beginning', async () => {
        const { readModel } = opened;
        const last = await readModel.registrations({ last: 10 });
        expect(keysOf(last)).toEqual(ids.slice(15));
        expect(last).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
        const before = await readModel.registrations({ last: 20, before: 'device-15' });
        expect(keysOf(before)).toEqual(ids.slice(0, 15));
        expect(before).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
      });

      it('stay between cursors, and take the last of the first when asked for both', async () => {
        const { readModel } = opened;
        const between = await readModel.registrations({ first: 10, after: 'device-03', before: 'device-07' });
        expect(keysOf(between)).toEqual(ids.slice(4, 7));
        expect(between).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
        const both = await readModel.registrations({ first: 5, last: 2 });
        expect(keysOf(both)).toEqual(ids.slice(3, 5));
        expect(both).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
      });

      it('go on behind a cursor whose row is not there', async () => {
        expect(keysOf(await opened.readModel.registrations({ first: 2, after: 'device-04x' }))).toEqual(
          ids.slice(5, 7),
        );
      });

      it.each([
        [{ status: 'failed' as const }, ids.filter((_, index) => index % 5 === 0)],
        [{ status: 'disabled' as const }, ['device-02', 'device-03']],
        [{ hub: 'HUB-b' }, ids.filter((_, index) => index % 5 !== 0 && index % 2 === 1)],
        [{ hub: 'hub-a', status: 'disabled' as const }, ['device-02']],
        [{ registrationIdPrefix: 'Device-1' }, ids.slice(10, 20)],
        [{ registrationIdPrefix: 'device-1', status: 'failed' as const }, ['device-10', 'device-15']],
        [{ registrationIdPrefix: 'device-0', hub: 'hub-b' }, ['device-01', 'device-03', 'device-07', 'device-09']],
        [{ hub: 'hub-x' }, []],
      ])('are narrowed by %j, whichever way they run', async (filter, expected) => {
        const { readModel } = opened;
        const forwards: string[] = [];
        for (let hasMore = true; hasMore;) {
          const page = await readModel.registrations({ first: 3, after: forwards.at(-1) }, filter);
          expect(page.totalCount).toBe(expected.length);
          forwards.push(...keysOf(page));
          hasMore = page.hasNextPage;
        }
        expect(forwards).toEqual(expected);
        const backwards: string[] = [];
        for (let hasMore = true; hasMore;) {
          const page = await readModel.registrations({ last: 3, before: backwards[0] }, filter);
          backwards.unshift(...keysOf(page));
          hasMore = page.hasPreviousPage;
        }
        expect(backwards).toEqual(expected);
      });

      it('have a bounded size, and a size that makes sense', async () => {
        const { readModel } = opened;
        const many = Array.from({ length: pageSize.max + 1 }, (_, index) => assigned(`many-${index}`, 'hub-a'));
        history.decide(many);
        await project();
        expect((await readModel.registrations({ first: 100_000 })).rows).toHaveLength(pageSize.max);
        expect((await readModel.registrations({})).rows).toHaveLength(pageSize.byDefault);
        expect(await readModel.registrations({ first: 0 })).toMatchObject({ rows: [], hasNextPage: true });
        await expect(readModel.registrations({ first: -1 })).rejects.toThrow(RangeError);
        await expect(readModel.registrations({ last: 1.5 })).rejects.toThrow(RangeError);
      });

      it('count rows with a prefix up to a limit, all others exactly', async () => {
        const { readModel } = opened;
        const many = Array.from({ length: countedMax + 5 }, (_, index) => assigned(`many-${index}`, 'hub-c'));
        history.decide(many);
        await project();
        expect((await readModel.registrations({ first: 1 })).totalCount).toBe(countedMax + 30);
        expect((await readModel.registrations({ first: 1 }, { hub: 'hub-c' })).totalCount).toBe(countedMax + 5);
        expect((await readModel.registrations({ first: 1 }, { registrationIdPrefix: 'many-' })).totalCount).toBe(
          countedMax,
        );
      });
    });

    describe('hubs and their loads', () => {
      it('shows hubs with their latest settings and the version of their stream, and no secret', async () => {
        history.link('Hub-B', 2, 10);
        history.link('hub-a');
        history.record('hub-hub-b', { type: 'HubCordoned', v: 1, data: { name: 'Hub-B' } });
        const labels = [{ key: 'site', value: 'paris' }];
        history.record('hub-hub-b', { type: 'HubLabelsChanged', v: 1, data: { name: 'Hub-B', labels } });
        await project();
        const { readModel } = opened;
        const b = { name: 'Hub-B', state: 'cordoned', weight: 2, capacity: 10, region: null, labels, version: 2 };
        expect(await readModel.hub('HUB-B')).toEqual(b);
        const page = await readModel.hubs({});
        expect(page.rows.map(({ name }) => name)).toEqual(['hub-a', 'Hub-B']);
        expect(page.totalCount).toBe(2);
        expect(await readModel.hub('hub-x')).toBeNull();
      });

      it('tells a load by its share, its target and what is left', async () => {
        history.link('hub-a', 3, 4);
        history.link('hub-b', 1);
        history.link('hub-0', 1, 0);
        await project();
        expect(await opened.readModel.hubLoads()).toEqual([
          { hub: 'hub-0', devices: 0, share: 0, targetShare: 0.2, utilization: 1 },
          { hub: 'hub-a', devices: 0, share: 0, targetShare: 0.6, utilization: 0 },
          { hub: 'hub-b', devices: 0, share: 0, targetShare: 0.2, utilization: null },
        ]);
        history.decide([assigned('one', 'hub-a'), assigned('two', 'hub-a'), assigned('three', 'hub-b')]);
        history.decide([assigned('four', 'hub-b'), reassigned('one', 'hub-a', 'hub-b'), refused('two')]);
        await project();
        expect(await opened.readModel.hubLoads()).toMatchObject([
          { hub: 'hub-0', devices: 0 },
          { hub: 'hub-a', devices: 1, share: 0.25, utilization: 0.25 },
          { hub: 'hub-b', devices: 3, share: 0.75, utilization: null },
        ]);
      });

      it('lists an unlinked hub while devices are on it, and not any longer', async () => {
        history.link('hub-a');
        history.link('Hub-B');
        history.decide([assigned('one', 'Hub-B')]);
        history.record('hub-hub-b', { type: 'HubUnlinked', v: 1, data: { name: 'Hub-B' } });
        await project();
        expect(await opened.readModel.hubLoads()).toEqual([
          { hub: 'hub-a', devices: 0, share: 0, targetShare: 1, utilization: null },
          { hub: 'Hub-B', devices: 1, share: 1, targetShare: 0, utilization: null },
        ]);
        history.decide([reassigned('one', 'Hub-B', 'hub-a')]);
        await project();
        expect((await opened.readModel.hubLoads()).map(({ hub }) => hub)).toEqual(['hub-a']);
      });

      it('gives the default policy as chosen last', async () => {
        expect(await opened.readModel.allocationPolicy()).toEqual({ kind: 'evenlyWeighted' });
        const policy = { kind: 'static' as const, hubs: ['hub-a'] };
        history.record('policy-default', { type: 'AllocationPolicyChosen', v: 1, data: { policy } });
        await project();
        expect(await opened.readModel.allocationPolicy()).toEqual(policy);
      });
    });

    describe('enrollments', () => {
      const secret = { keyId: 'k', nonce: 'n', ciphertext: 'c' };
      const data = (registrationId: string, enabled = true): EnrollmentData =>
        enrollmentData(registrationId, '/gateways/one', {
          attestation: { type: 'symmetricKey', primary: secret, secondary: secret },
          policy: 'static',
          hubs: ['hub-a'],
          initialTwin: { tags: { line: 'ü' } },
          enabled,
          idempotency: { key: 'k', inputHash: 'h' },
        });
      const record = (registrationId: string, type: EnrollmentEvent['type'], at: string) =>
        history.record(
          `enrollment-${registrationId.toLowerCase()}`,
          {
            type,
            v: type === 'EnrollmentCreated' ? 2 : 1,
            data: type === 'EnrollmentCreated' ? data(registrationId) : { registrationId },
          } as EnrollmentEvent,
          at,
        );

      it('are shown as created, with what changed since, and without keys', async () => {
        record('Press-01', 'EnrollmentCreated', minute(0));
        record('Press-01', 'EnrollmentDisabled', minute(1));
        await project();
        const { idempotency: _idempotency, ...shown } = data('Press-01', false);
        expect(await opened.readModel.enrollment('press-01')).toEqual({
          ...shown,
          attestation: { type: 'symmetricKey' },
          version: 1,
          createdAt: minute(0),
          updatedAt: minute(1),
        });
      });

      it('vanish when deleted, while the registration stays; and come back as new', async () => {
        record('one', 'EnrollmentCreated', minute(0));
        history.decide([assigned('one', 'hub-a')]);
        record('one', 'EnrollmentDeleted', minute(1));
        await project();
        const { readModel } = opened;
        expect(await readModel.enrollment('one')).toBeNull();
        expect(await readModel.enrollments({})).toMatchObject({ rows: [], totalCount: 0 });
        expect(await readModel.registration('one')).toMatchObject({ status: 'assigned' });
        record('one', 'EnrollmentCreated', minute(2));
        await project();
        expect(await readModel.enrollment('one')).toMatchObject({ version: 2, createdAt: minute(2) });
      });

      it('are known by the hubs they name, as long as they do', async () => {
        for (const id of ['one', 'Two', ...Array.from({ length: 12 }, (_, index) => `z-${10 + index}`)]) {
          record(id, 'EnrollmentCreated', minute(0));
        }
        record('one', 'EnrollmentDisabled', minute(1));
        await project();
        const { readModel } = opened;
        const ten = ['one', 'Two', ...Array.from({ length: 8 }, (_, index) => `z-${10 + index}`)];
        expect(await readModel.hubReferences('HUB-A')).toEqual({
          policy: false,
          enrollmentGroups: [],
          enrollments: ten,
          enrollmentCount: 14,
        });
        const none = { policy: false, enrollmentGroups: [], enrollments: [], enrollmentCount: 0 };
        expect(await readModel.hubReferences('hub')).toEqual(none);
        for (const id of ['one', 'Two', ...Array.from({ length: 12 }, (_, index) => `z-${10 + index}`)]) {
          record(id, 'EnrollmentDeleted', minute(2));
        }
        history.record('policy-default', {
          type: 'AllocationPolicyChosen',
          v: 1,
          data: { policy: { kind: 'static', hubs: ['Hub-A'] } },
        });
        await project();
        expect(await readModel.hubReferences('hub-a')).toEqual({ ...none, policy: true });
      });

      it('are shown with changed terms and certificates', async () => {
        record('one', 'EnrollmentCreated', minute(0));
        const stream = 'enrollment-one';
        const changed = { hubs: ['hub-b'], singleUse: true, capabilities: { iotEdge: true } };
        history.record(stream, { type: 'EnrollmentTermsChanged', v: 1, data: { registrationId: 'one', changed } });
        const kept = { certificate: 'AAAA', thumbprint: 'aa' };
        const attestation = { type: 'x509' as const, primary: null, secondary: kept };
        const data = { registrationId: 'one', attestation };
        history.record(stream, { type: 'EnrollmentAttestationReplaced', v: 1, data }, minute(3));
        await project();
        const { readModel } = opened;
        expect(await readModel.enrollment('one')).toMatchObject({
          ...changed,
          attestation,
          version: 2,
          updatedAt: minute(3),
        });
        expect(await readModel.hubReferences('hub-a')).toMatchObject({ enrollmentCount: 0 });
        expect(await readModel.hubReferences('hub-b')).toMatchObject({ enrollments: ['one'], enrollmentCount: 1 });
      });

      it('are listed by key, narrowed by state and prefix', async () => {
        for (const id of ['b-2', 'A-1', 'a-2', 'b-1']) record(id, 'EnrollmentCreated', minute(0));
        record('a-2', 'EnrollmentDisabled', minute(1));
        await project();
        const { readModel } = opened;
        const listed = async (...args: Parameters<typeof readModel.enrollments>) => {
          const { rows, totalCount } = await readModel.enrollments(...args);
          return [rows.map(({ registrationId }) => registrationId), totalCount];
        };
        expect(await listed({})).toEqual([['A-1', 'a-2', 'b-1', 'b-2'], 4]);
        expect(await listed({ first: 1, after: 'A-1' }, { enabled: true })).toEqual([['b-1'], 3]);
        expect(await listed({}, { enabled: false })).toEqual([['a-2'], 1]);
        expect(await listed({}, { registrationIdPrefix: 'A', enabled: true })).toEqual([['A-1'], 1]);
      });
    });

    describe('enrollment groups', () => {
      const record = (event: EnrollmentGroupEvent, at = minute(0)) =>
        history.record(`enrollmentGroup-${event.data.name.toLowerCase()}`, event, at);
      const create = (name: string, change: Parameters<typeof enrollmentGroupData>[1] = {}) =>
        record({ type: 'EnrollmentGroupCreated', v: 1, data: enrollmentGroupData(name, change) });
      const works = { name: 'Works', thumbprint: 'aa' };
      const byName = { type: 'caReference' as const, primary: works, secondary: null };

      it('are known by the hubs they name, as long as they do', async () => {
        create('Line-7', { hubs: ['Hub-A', 'hub-b'] });
        create('hall-2', { hubs: ['hub-b'] });
        await project();
        const references = async (hub: string) => (await opened.readModel.hubReferences(hub)).enrollmentGroups;
        expect([await references('hub-a'), await references('HUB-B')]).toEqual([['Line-7'], ['hall-2', 'Line-7']]);
        record({ type: 'EnrollmentGroupTermsChanged', v: 1, data: { name: 'Line-7', changed: { hubs: [] } } });
        await project();
        expect([await references('hub-a'), await references('hub-b')]).toEqual([[], ['hall-2']]);
      });

      it('are shown as created, with what changed since, and without keys', async () => {
        create('Line-7');
        record({ type: 'EnrollmentGroupTermsChanged', v: 1, data: { name: 'Line-7', changed: { hubs: ['Hub-A'] } } });
        record({ type: 'EnrollmentGroupDisabled', v: 1, data: { name: 'Line-7' } }, minute(1));
        create('Hall-2', { attestation: byName });
        const primary = { certificate: 'AAAA', thumbprint: 'bb' };
        const attestation = { type: 'x509' as const, primary, secondary: null };
        record({ type: 'EnrollmentGroupAttestationReplaced', v: 1, data: { name: 'Hall-2', attestation } });
        await project();
        const { readModel } = opened;
        const { idempotency: _, ...shown } = enrollmentGroupData('Line-7', { hubs: ['Hub-A'], enabled: false });
        expect(await readModel.enrollmentGroup('LINE-7')).toEqual({
          ...shown,
          attestation: { type: 'symmetricKey' },
          version: 2,
          createdAt: minute(0),
          updatedAt: minute(1),
        });
        expect(await readModel.enrollmentGroup('hall-2')).toMatchObject({ attestation });
        const { rows, totalCount } = await readModel.enrollmentGroups({});
        expect([rows.map(({ name }) => name), totalCount]).toEqual([['Hall-2', 'Line-7'], 2]);
        expect(await readModel.hubReferences('hub-a')).toMatchObject({ enrollmentGroups: ['Line-7'] });
      });

      it('are counted by kind, while they are there', async () => {
        for (const name of ['a', 'b']) create(name);
        create('c', { attestation: byName });
        record({ type: 'EnrollmentGroupDeleted', v: 1, data: { name: 'b' } });
        await project();
        const { readModel } = opened;
        expect([await readModel.enrollmentGroupCount(true), await readModel.enrollmentGroupCount(false)]).toEqual([
          1, 1,
        ]);
        expect(await readModel.enrollmentGroup('b')).toBeNull();
        record({ type: 'EnrollmentGroupEnabled', v: 1, data: { name: 'b' } });
        create('B');
        await project();
        expect(await readModel.enrollmentGroupCount(true)).toBe(2);
      });

      it('keep their members, also when the group is gone', async () => {
        create('Line-7');
        const members = Array.from({ length: 5 }, (_, index) => `device-${index}`);
        history.decide([...members.map((id) => assigned(id, 'hub-a', 'Line-7')), assigned('other', 'hub-a', 'Hall-2')]);
        history.decide([assigned('alone', 'hub-a'), disabled('device-1')]);
        history.decide([confirmed('device-2', 'hub-a', 'Hall-2')]);
        record({ type: 'EnrollmentGroupDeleted', v: 1, data: { name: 'Line-7' } });
        await project();
        const { readModel } = opened;
        const listed = async (filter: Parameters<typeof readModel.registrations>[1]) => {
          const { rows, totalCount } = await readModel.registrations({}, filter);
          return [rows.map(({ registrationId }) => registrationId), totalCount];
        };
        expect(await listed({ enrollmentGroup: 'LINE-7' })).toEqual([['device-0', 'device-3', 'device-4'], 3]);
        expect(await listed({ enrollmentGroup: 'hall-2', hub: 'hub-a' })).toEqual([['device-2', 'other'], 2]);
        expect(await listed({ enrollmentGroup: 'line-7', status: 'disabled' })).toEqual([[], 0]);
        expect(await listed({ enrollmentGroup: 'nobody' })).toEqual([[], 0]);
        expect(await registration('device-0')).toMatchObject({ enrollment: null, enrollmentGroup: 'Line-7' });
        expect(await registration('alone')).toMatchObject({ enrollment: 'alone', enrollmentGroup: null });
      });
    });

    describe('CA certificates', () => {
      const record = (event: CaCertificateEvent, at = minute(0)) => history.record('caCertificate-works', event, at);

      it('are shown with their verification', async () => {
        const uploaded = { name: 'Works', certificate: 'AAAA', thumbprint: 'aa', verified: false };
        record({ type: 'CaCertificateUploaded', v: 1, data: uploaded });
        record({ type: 'CaCertificateVerificationBegun', v: 1, data: { name: 'Works', code: 'c' } }, minute(1));
        await project();
        const { readModel } = opened;
        const row = { ...uploaded, verificationCode: 'c', version: 1, createdAt: minute(0), updatedAt: minute(1) };
        expect(await readModel.caCertificate('works')).toEqual(row);
        record({ type: 'CaCertificateVerified', v: 1, data: { name: 'Works', by: 'operator' } }, minute(2));
        await project();
        const verified = { ...row, verified: true, verificationCode: null, version: 2, updatedAt: minute(2) };
        expect(await readModel.caCertificates({})).toMatchObject({ rows: [verified], totalCount: 1 });
        expect(await readModel.caCertificateCount()).toBe(1);
        record({ type: 'CaCertificateDeleted', v: 1, data: { name: 'Works' } });
        await project();
        expect(await readModel.caCertificate('works')).toBeNull();
        expect(await readModel.caCertificateCount()).toBe(0);
      });
    });

    describe('operations', () => {
      it('show how far an import has come, who began it, and why it stopped', async () => {
        const progress = (rows: number, refused: number) => ({
          ...{ name: 'Load-1', mode: 'createOrUpdate' as const, rows, bytes: rows * 100, created: rows - refused },
          ...{ changed: 0, unchanged: 0, refused, lastRow: rows === 0 ? null : '0123abcd' },
        });
        const record = (event: ImportEvent, at: string) => history.record('import-load-1', event, at);
        record({ type: 'ImportBegun', v: 1, data: progress(0, 0) }, minute(0));
        const { lastRow: _, ...told } = progress(500, 1);
        const error = { row: 7, registrationId: null, code: 'INVALID_ROW', field: null, message: 'no JSON' };
        record({ type: 'ImportAdvanced', v: 1, data: { ...progress(500, 1), errors: [error] } }, minute(1));
        await project();
        const { readModel } = opened;
        const row = { ...told, status: 'receiving', reason: null, startedBy: 'spec', version: 1, createdAt: minute(0) };
        expect(await readModel.operation('LOAD-1')).toEqual({ ...row, updatedAt: minute(1) });
        record({ type: 'ImportInterrupted', v: 1, data: { ...progress(500, 1), reason: 'broke off' } }, minute(2));
        await project();
        const interrupted = { ...row, status: 'interrupted', reason: 'broke off', version: 2, updatedAt: minute(2) };
        expect(await readModel.operations({})).toMatchObject({ rows: [interrupted], totalCount: 1 });
        record({ type: 'ImportResumed', v: 1, data: progress(500, 1) }, minute(3));
        record({ type: 'ImportCompleted', v: 1, data: progress(500, 1) }, minute(4));
        await project();
        const completed = { ...row, status: 'completed', version: 4, updatedAt: minute(4) };
        expect(await readModel.operation('load-1')).toEqual(completed);
        expect(await readModel.operation('load-2')).toBeNull();
      });
    });
  });
}
