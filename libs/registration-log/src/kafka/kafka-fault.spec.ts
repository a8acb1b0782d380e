import { describe, expect, it } from '@jest/globals';
import { KafkaJSConnectionError, KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from 'kafkajs';
import { LogFault } from '../log-fault.js';
import { faultOf } from './kafka-fault.js';

const protocolError = (type: string, retriable: boolean) => {
  return Object.assign(new KafkaJSProtocolError(new Error(type)), { type, retriable });
};
const connectionError = new KafkaJSConnectionError('refused', { broker: 'b:1' } as never);
const tlsError = (code: string) => {
  const error = new KafkaJSConnectionError('Connection error', { broker: 'b:1', code } as never);
  return new KafkaJSNumberOfRetriesExceeded(error, { retryCount: 6, retryTime: 1, cause: error } as never);
};

describe('what kafkajs throws', () => {
  it.each<[string, unknown, string]>([
    ['a lost connection', connectionError, 'log-away'],
    [
      'no more retries',
      new KafkaJSNumberOfRetriesExceeded(connectionError, { retryCount: 6, retryTime: 1 }),
      'log-away',
    ],
    ['a socket error', Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'log-away'],
    ['a group in motion', protocolError('REBALANCE_IN_PROGRESS', false), 'log-away'],
    ['a producer out of step', protocolError('OUT_OF_ORDER_SEQUENCE_NUMBER', false), 'log-away'],
    ['missing rights', protocolError('TOPIC_AUTHORIZATION_FAILED', false), 'refused'],
    ['an untrusted certificate', tlsError('SELF_SIGNED_CERT_IN_CHAIN'), 'refused'],
    ['a certificate that is missing', tlsError('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'refused'],
    ['a broker with a smaller limit', protocolError('MESSAGE_TOO_LARGE', false), 'record-too-large'],
  ])('%s is %s', (_, error, code) => {
    const fault = faultOf(error, 'trying');
    expect(fault).toMatchObject({ code, retriable: code === 'log-away', cause: error });
  });

  it('is left alone when it is a fault already', () => {
    const fault = new LogFault('stale-batch', 'gone');
    expect(faultOf(fault, 'trying')).toBe(fault);
  });
});
