import { describeCrashes } from './describe-crashes.ts';

await describeCrashes({ rounds: 20, devices: 600, deadlineMs: 2_400_000 });
