import { type BerthEvent } from './codec.js';

type Data = Record<string, unknown>;

/** By event type: what makes data of shape 1 that of shape 2, and so on up to the newest. Total, for history can't be refused. */
const upcasts: { readonly [type in BerthEvent['type']]?: readonly ((data: Data) => Data)[] } = {
  EnrollmentCreated: [
    (data) => ({
      ...data,
      capabilities: { iotEdge: false },
      validity: { notBefore: null, notAfter: null },
      singleUse: false,
      optionalDeviceInformation: null,
    }),
  ],
};

/** Data as the newest shape has it. @param v the shape it was stored in, from 1. */
export function upcast(type: BerthEvent['type'], v: number, data: Data): Data {
  const steps = upcasts[type];
  return steps ? steps.slice(v - 1).reduce((before, step) => step(before), data) : data;
}
