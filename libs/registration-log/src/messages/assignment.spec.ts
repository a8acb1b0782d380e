import { describe, expect, it } from '@jest/globals';
import { type CloudEvent, Kafka } from 'cloudevents';
import { type Answer } from '@berth/domain';
import { assignmentRecord, parseAssignment } from './assignment.js';

const origin = { topic: 'berth.registrations', partition: 3, offset: 1042 };
const at = '2026-01-02T03:04:05.678Z';
const assigned: Answer = {
  registrationId: 'Press-01',
  requestId: 'wish-1',
  status: 'assigned',
  substatus: 'initialAssignment',
  hub: 'hub-a',
  deviceId: 'press-01',
  position: '77',
};

describe('an answer', () => {
  it('is a CloudEvent to the SDK', () => {
    const record = assignmentRecord(assigned, at, origin);
    const event = Kafka.toEvent({
      ...record,
      value: record.value.toString(),
      body: '',
    } as never) as CloudEvent<unknown>;
    expect(event.validate()).toBe(true);
    expect(event).toMatchObject({
      type: 'io.berth.registration.completed.v1',
      source: '/berth/allocator',
      id: 'berth.registrations/3/1042',
      subject: 'Press-01',
      time: at,
      data: assigned,
    });
    expect(record.key).toBe('press-01');
  });

  it('given again is byte for byte the same, in whatever order its fields are named', () => {
    const { position, ...rest } = assigned;
    const again = assignmentRecord({ position, ...rest }, at, { ...origin });
    expect(again.value.equals(assignmentRecord(assigned, at, origin).value)).toBe(true);
  });

  it('to another request has another id', () => {
    const ids = [origin, { ...origin, offset: 1043 }, { ...origin, partition: 31, offset: 42 }].map((from) => {
      const parsed = parseAssignment(assignmentRecord(assigned, at, from));
      return parsed.ok ? parsed.assignment.id : parsed.reason;
    });
    expect(new Set(ids).size).toBe(3);
  });

  it('leaves out what there is nothing to say about', () => {
    const { value } = assignmentRecord(
      { registrationId: 'a', requestId: 'r', status: 'failed', position: '1' },
      at,
      origin,
    );
    expect(Object.keys((JSON.parse(value.toString()) as { data: object }).data)).toEqual([
      'registrationId',
      'requestId',
      'status',
      'position',
    ]);
  });

  it.each<[string, Answer]>([
    ['assigned', assigned],
    [
      'failed',
      { registrationId: 'a', requestId: 'r', status: 'failed', errorCode: 401002, reason: 'no', position: '1' },
    ],
    ['disabled', { registrationId: 'a', requestId: 'r', status: 'disabled', position: '1' }],
    ['assigned with what a webhook says to the device', { ...assigned, payload: { firmware: 7, '': [null, 'ä'] } }],
  ])('that is %s comes back as it went', (_, answer) => {
    const id = 'berth.registrations/3/1042';
    expect(parseAssignment(assignmentRecord(answer, at, origin))).toEqual({ ok: true, assignment: { id, at, answer } });
  });

  it('that is none is refused with the place of the fault', () => {
    const record = assignmentRecord(assigned, at, origin);
    const changed = Buffer.from(record.value.toString().replace('"assigned"', '"lost"'));
    expect(parseAssignment({ ...record, value: changed })).toMatchObject({ ok: false, path: ['data', 'status'] });
    expect(parseAssignment({ ...record, value: Buffer.from([1, 2]) })).toMatchObject({ ok: false, path: [] });
  });
});
