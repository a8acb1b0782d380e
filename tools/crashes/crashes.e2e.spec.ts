import { describeCrashes } from './describe-crashes.ts';

await describeCrashes({ rounds: 5, devices: 200, deadlineMs: 360_000 });
