import { describeManyHubs } from './describe-many-hubs.ts';

await describeManyHubs({ hubs: 2_000, devices: 4_000, deadlineMs: 120_000 });
