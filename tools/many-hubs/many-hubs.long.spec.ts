import { describeManyHubs } from './describe-many-hubs.ts';

await describeManyHubs({ hubs: 10_000, devices: 20_000, deadlineMs: 280_000 });
